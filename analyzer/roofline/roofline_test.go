package roofline_test

import (
	"math"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer/roofline"
)

// The parameters that model cards and safetensors indices state, in billions.
func TestArchitecturesWeighWhatTheirCardsState(t *testing.T) {
	for _, c := range []struct {
		name          string
		total, active float64 // 0 where no card says it
	}{
		{"meta-llama/Llama-2-7b-hf", 6.738, 0},
		{"meta-llama/Llama-2-13b-hf", 13.016, 0},
		{"meta-llama/Llama-2-70b-hf", 68.977, 0},
		{"codellama/CodeLlama-34b-Instruct-hf", 33.744, 0},
		{"meta-llama/Llama-3.1-8B", 8.030, 0},
		{"meta-llama/Llama-3.1-70B", 70.554, 0},
		{"meta-llama/Llama-3.1-405B", 405.853, 0},
		{"meta-llama/Llama-3.2-1B", 1.236, 0},
		{"meta-llama/Llama-3.2-3B", 3.213, 0},
		{"TinyLlama/TinyLlama-1.1B-Chat-v1.0", 1.100, 0},
		{"mistralai/Mistral-7B-v0.3", 7.248, 0},
		{"mistralai/Mistral-Large-Instruct-2411", 122.61, 0},
		{"mistralai/Mixtral-8x7B-v0.1", 46.703, 12.9},
		{"mistralai/Mixtral-8x22B-v0.1", 140.62, 39.1},
		{"Qwen/Qwen2.5-0.5B", 0.494, 0},
		{"Qwen/Qwen2.5-7B", 7.616, 0},
		{"Qwen/Qwen2.5-72B", 72.706, 0},
		{"Qwen/Qwen3-0.6B", 0.596, 0},
		{"Qwen/Qwen3-8B", 8.191, 0},
		{"Qwen/Qwen3-32B", 32.762, 0},
		{"Qwen/Qwen3-30B-A3B", 30.532, 3.3},
		{"Qwen/Qwen3-235B-A22B", 235.09, 22},
		{"Qwen/Qwen3-Coder-480B-A35B-Instruct", 480.15, 35},
		{"google/gemma-2-9b", 9.242, 0},
		{"google/gemma-2-27b", 27.227, 0},
		{"google/gemma-3-1b-it", 1.000, 0},
		{"microsoft/phi-2", 2.780, 0},
		{"microsoft/phi-4", 14.660, 0},
		{"microsoft/Phi-4-mini-instruct", 3.836, 0},
		{"mistralai/Mistral-Nemo-Base-2407", 12.248, 0},
		{"mistralai/Ministral-8B-Instruct-2410", 8.020, 0},
		{"mistralai/Mistral-Small-24B-Base-2501", 23.572, 0},
		{"mistralai/Codestral-22B-v0.1", 22.247, 0},
		{"01-ai/Yi-1.5-6B", 6.061, 0},
		{"01-ai/Yi-1.5-9B", 8.829, 0},
		{"01-ai/Yi-1.5-34B", 34.389, 0},
		{"allenai/OLMo-2-1124-7B", 7.299, 0},
		{"allenai/OLMo-2-1124-13B", 13.716, 0},
		{"bigcode/starcoder2-7b", 7.174, 0},
		{"bigcode/starcoder2-15b", 15.958, 0},
		{"CohereLabs/aya-expanse-8b", 8.028, 0},
		{"CohereLabs/c4ai-command-r-08-2024", 32.296, 0},
		{"deepseek-ai/deepseek-llm-7b-base", 6.910, 0},
		{"deepseek-ai/deepseek-coder-6.7b-base", 6.740, 0},
		{"deepseek-ai/deepseek-coder-33b-base", 33.343, 0},
		{"ibm-granite/granite-3.1-2b-instruct", 2.534, 0},
		{"ibm-granite/granite-3.1-8b-instruct", 8.171, 0},
		{"internlm/internlm2_5-7b-chat", 7.738, 0},
		{"LGAI-EXAONE/EXAONE-3.5-7.8B-Instruct", 7.818, 0},
		{"tiiuae/Falcon3-7B-Base", 7.456, 0},
		{"tiiuae/Falcon3-10B-Base", 10.306, 0},
		{"upstage/SOLAR-10.7B-v1.0", 10.732, 0},
		{"zai-org/glm-4-9b", 9.400, 0},
		{"deepseek-ai/DeepSeek-V3", 671.03, 37},
		{"moonshotai/Kimi-K2-Instruct", 1026.4, 32},
		{"openai/gpt-oss-20b", 20.9, 3.6},
		{"openai/gpt-oss-120b", 116.8, 5.1},
		{"Qwen/Qwen3.5-27B", 27, 0},
		{"Qwen/Qwen3.5-35B-A3B", 35, 3},
	} {
		m, err := roofline.LookupModel(c.name)
		if err != nil {
			t.Error(err)
			continue
		}
		within := 0.003 // norms and biases
		if c.total < 1.01 || strings.Contains(c.name, "3.5") {
			within = 0.02 // cards round
		}
		if got := m.Parameters() / 1e9; math.Abs(got/c.total-1) > within {
			t.Errorf("%s has %.3f billion parameters, its card states %g", c.name, got, c.total)
		}
		if got := m.Active() / 1e9; c.active > 0 && math.Abs(got/c.active-1) > 0.12 { // cards count the lookup table or not
			t.Errorf("%s computes %.2f billion parameters a token, its card states %g", c.name, got, c.active)
		}
	}
}

func TestCachePerToken(t *testing.T) {
	for _, c := range []struct {
		model string
		bytes float64 // of 16-bit numbers, a token
	}{
		{"Llama-3.1-8B", 131072},
		{"Llama-3.1-70B", 327680},
		{"Qwen2.5-7B", 57344},
		{"DeepSeek-V3", 61 * 576 * 2}, // arXiv 2412.19437: the compressed vector and the key that carries positions
		{"Qwen3.5-27B", 16 * 2 * 4 * 256 * 2},
	} {
		m, err := roofline.LookupModel(c.model)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := 2 * m.CacheElements(1); got != c.bytes {
			t.Errorf("%s caches %g bytes a token, want %g", c.model, got, c.bytes)
		}
	}
}

func TestSlidingWindowsStopGrowing(t *testing.T) {
	m, err := roofline.LookupModel("mistralai/Mistral-7B-Instruct-v0.1")
	if err != nil {
		t.Fatal(err)
	}
	if a, b := m.CacheElements(4096), m.CacheElements(30000); a != b {
		t.Errorf("the cache of a window of 4096 grows from %g to %g", a, b)
	}
	half, _ := roofline.LookupModel("gpt-oss-20b")
	if grown := half.CacheElements(2000) - half.CacheElements(1000); grown != 12*1000*2*8*64 {
		t.Errorf("the 12 full layers of gpt-oss-20b grow by %g in 1000 tokens", grown)
	}
}

func serving(t *testing.T, u roofline.Setup) *roofline.Serving {
	t.Helper()
	s, err := roofline.New(u)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within*math.Abs(want) {
		t.Errorf("%s is %g, want %g", what, got, want)
	}
}

func TestFloors(t *testing.T) {
	s := serving(t, roofline.Setup{Model: "meta-llama/Llama-3.1-8B-Instruct", Device: "NVIDIA H100 80GB HBM3"})
	near(t, "ridge", s.Ridge(), 295, 0.01)
	// 7.5 billion parameters are read a step: all but the lookup table.
	near(t, "decode step of one sequence", s.DecodeFloor(1, 0), 15.01e9/(0.8*3.35e12)*1e9, 0.01)
	near(t, "growth with the context", s.DecodeBytes(8, 1000)-s.DecodeBytes(8, 0), 8*1000*131072, 1e-9)
	// 2 P S + 2 L d S^2, of the latter 3 % at 2k tokens and 35 % at 32k.
	linear := 2 * 6.98e9 * 2048.
	near(t, "operations of 2048 tokens", s.PrefillFLOPs(2048, 0), linear+2*32*4096*2048*2048, 0.01)
	near(t, "operations after a cached prefix", s.PrefillFLOPs(100, 5000), 2*6.98e9*100+2*0.525e9+2*32*4096*100*(100+2*5000), 0.01)
	near(t, "prefill floor", s.PrefillFloor(2048, 0), s.PrefillFLOPs(2048, 0)/(0.5*989.4e12)*1e9, 1e-9)
	if floor := s.PrefillFloor(1, 0); floor < 5e6 {
		t.Errorf("one token is prefilled in %g ns: faster than the weights are read", floor)
	}
	load, ok := s.LoadFloor(3e9)
	near(t, "load from a disk", load, 16.06e9/3e9*1e9, 0.01)
	if !ok {
		t.Error("there is no load floor")
	}
	fast, _ := s.LoadFloor(0)
	near(t, "load over the bus", fast, 16.06e9/64e9*1e9, 0.01)
}

func TestTypesAndParallelism(t *testing.T) {
	whole := serving(t, roofline.Setup{Model: "Llama-3.1-70B", Device: "A100-SXM-80GB"})
	half := serving(t, roofline.Setup{Model: "Llama-3.1-70B", Device: "A100-SXM-80GB", Tensor: 2})
	near(t, "decode over two devices", 2*half.DecodeFloor(1, 4000), whole.DecodeFloor(1, 4000), 1e-9)
	near(t, "prefill over two devices", 2*half.PrefillFloor(4000, 0), whole.PrefillFloor(4000, 0), 1e-9)
	wide := serving(t, roofline.Setup{Model: "Llama-3.1-70B", Device: "A100-SXM-80GB", Tensor: 16})
	near(t, "cache over more devices than KV heads", wide.DecodeBytes(1, 1000)-wide.DecodeBytes(1, 0), 327680*1000/8, 1e-9)

	awq := serving(t, roofline.Setup{Model: "hugging-quants/Meta-Llama-3.1-70B-Instruct-AWQ-INT4", Device: "A100-SXM-80GB"})
	near(t, "4-bit layers", awq.DecodeBytes(1, 0), (70.55e9-2*1.05e9)*0.5+1.05e9*2, 0.01)
	if awq.FLOPS != 312e12 {
		t.Errorf("4-bit weights are computed at %g: the A100 computes in 16 bits", awq.FLOPS)
	}
	fp8 := serving(t, roofline.Setup{Model: "Llama-3.1-70B", Device: "H100-SXM", Quantization: "fp8", CacheDType: "fp8_e4m3"})
	if fp8.FLOPS != 1978.9e12 || fp8.CacheTotal(1) != 327680/2 {
		t.Errorf("fp8 computes at %g and caches %g bytes a token", fp8.FLOPS, fp8.CacheTotal(1))
	}
	stated := serving(t, roofline.Setup{Model: "ours", Stated: roofline.Stated{Parameters: 10e9}, Bandwidth: 1e12, FLOPS: 100e12})
	near(t, "a model as stated", stated.DecodeFloor(1, 500), 20e9/0.8e12*1e9, 1e-9)
	near(t, "its share of the bandwidth", stated.MBU(1, 500, 40e6), 0.5, 1e-9)
}

// With more tokens a step, more experts are read, up to all.
func TestExpertsFillWithTheBatch(t *testing.T) {
	s := serving(t, roofline.Setup{Model: "Qwen3-30B-A3B", Device: "H100-SXM"})
	near(t, "one token", s.DecodeBytes(1, 0), 2*(s.Model.Active()), 1e-9)
	all := 2 * (s.Model.Parameters() - 151936*2048)
	if got := s.DecodeBytes(512, 0); got < 0.999*all || got > all {
		t.Errorf("512 tokens read %g of %g bytes", got, all)
	}
}

func TestDeviceNames(t *testing.T) {
	for name, want := range map[string]string{
		"NVIDIA H100 80GB HBM3": "H100-SXM", "NVIDIA H100 PCIe": "H100-PCIe", "NVIDIA H100 NVL": "H100-NVL", "H100-SXM5": "H100-SXM",
		"NVIDIA A100-SXM4-80GB": "A100-SXM-80GB", "NVIDIA A100-SXM4-40GB": "A100-SXM-40GB", "NVIDIA A100 80GB PCIe": "A100-PCIe-80GB",
		"NVIDIA A100-PCIE-40GB": "A100-PCIe-40GB", "NVIDIA H200": "H200-SXM", "NVIDIA A10G": "A10G", "NVIDIA A10": "A10", "Tesla T4": "T4",
		"Tesla V100-SXM2-16GB": "V100-SXM", "NVIDIA GeForce RTX 4090": "RTX-4090", "NVIDIA L40S": "L40S", "NVIDIA L4": "L4",
		"NVIDIA RTX 6000 Ada Generation": "RTX-6000-Ada", "AMD Instinct MI300X": "MI300X", "NVIDIA GH200 480GB": "GH200-96GB", "Apple M4 Max": "M4-Max", "apple m1": "M1",
	} {
		d, err := roofline.LookupDevice(name)
		if err != nil || d.Name != want {
			t.Errorf("%s is %s (%v), want %s", name, d.Name, err, want)
		}
	}
	for _, name := range []string{"H100", "A100", "A100 80GB", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA A10-24Q", "NVIDIA GeForce RTX 4090 Laptop GPU", "RTX 4090 D", "abacus", ""} {
		if d, err := roofline.LookupDevice(name); err == nil {
			t.Errorf("%q is taken for %s", name, d.Name)
		}
	}
	if _, err := roofline.LookupDevice("H100"); err == nil || !strings.Contains(err.Error(), "H100-SXM, H100-PCIe, H100-NVL") {
		t.Errorf("the error does not list what H100 can be: %v", err)
	}
}

func TestModelNames(t *testing.T) {
	for name, want := range map[string]string{
		"meta-llama/Llama-2-7b-hf": "meta-llama/Llama-2-7b-hf", "llama2:7b-chat-q4_K_M": "meta-llama/Llama-2-7b-hf", "TheBloke/Llama-2-7B-Chat-AWQ": "meta-llama/Llama-2-7b-hf",
		"meta-llama/Meta-Llama-3-8B-Instruct": "meta-llama/Llama-3.1-8B", "llama3.1:8b": "meta-llama/Llama-3.1-8B", "RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8": "meta-llama/Llama-3.1-8B",
		"neuralmagic/Meta-Llama-3.1-70B-Instruct-quantized.w4a16": "meta-llama/Llama-3.1-70B", "meta-llama/Llama-3.3-70B-Instruct": "meta-llama/Llama-3.1-70B",
		"codellama/CodeLlama-34b-Instruct-hf": "codellama/CodeLlama-34b-hf", "mistralai/Mistral-7B-Instruct-v0.1": "mistralai/Mistral-7B-v0.1",
		"mistralai/Mistral-7B-Instruct-v0.2": "mistralai/Mistral-7B-v0.3", "mistral:7b": "mistralai/Mistral-7B-v0.3", "mistralai/Mixtral-8x7B-Instruct-v0.1": "mistralai/Mixtral-8x7B-v0.1",
		"mixtral:8x7b": "mistralai/Mixtral-8x7B-v0.1", "Qwen/Qwen2.5-Coder-32B-Instruct-GPTQ-Int4": "Qwen/Qwen2.5-32B", "Qwen/Qwen3-30B-A3B-Instruct-2507": "Qwen/Qwen3-30B-A3B",
		"google/gemma-2-9b-it": "google/gemma-2-9b", "gemma3:27b": "google/gemma-3-27b-it", "deepseek-ai/DeepSeek-R1": "deepseek-ai/DeepSeek-V3",
		"deepseek-ai/DeepSeek-R1-Distill-Llama-8B": "meta-llama/Llama-3.1-8B", "gpt-oss:20b": "openai/gpt-oss-20b", "microsoft/phi-4": "microsoft/phi-4",
	} {
		m, err := roofline.LookupModel(name)
		if err != nil || m.Name != want {
			t.Errorf("%s is %q (%v), want %s", name, m.Name, err, want)
		}
	}
	for _, name := range []string{"", "llama", "gpt-4o", "7b", "DeepSeek-R1-Distill-Qwen-1.5B", "claude-3-opus", "instruct"} {
		if m, err := roofline.LookupModel(name); err == nil {
			t.Errorf("%q is taken for %s", name, m.Name)
		}
	}
}

// Every row is complete enough to compute with, is found by its own name and no other row's, and says where it is from.
func TestTables(t *testing.T) {
	for _, d := range roofline.Devices {
		got, err := roofline.LookupDevice(d.Name)
		if err != nil || got.Name != d.Name {
			t.Errorf("device %s is found as %q (%v)", d.Name, got.Name, err)
		}
		if d.Source == "" || d.Bandwidth <= 0 || d.FP8 != 0 && d.FP8 < d.FP16 {
			t.Errorf("device %s: %+v", d.Name, d)
		}
	}
	for _, m := range roofline.Models {
		for _, name := range append([]string{m.Name}, m.Aliases...) {
			got, err := roofline.LookupModel(name)
			if err != nil || got.Name != m.Name {
				t.Errorf("model %s is found as %q (%v), want %s", name, got.Name, err, m.Name)
			}
		}
		s := serving(t, roofline.Setup{Model: m.Name, Device: "H100-SXM"})
		if one, many := s.DecodeFloor(1, 1000), s.DecodeFloor(64, 1000); !(one > 0 && many > one) || s.PrefillFloor(1000, 0) <= 0 {
			t.Errorf("model %s: floors %g and %g", m.Name, one, many)
		}
	}
}

func FuzzLookup(f *testing.F) {
	for _, name := range []string{"NVIDIA H100 80GB HBM3", "meta-llama/Llama-2-7b-hf", "llama3.1:8b-instruct-q4_K_M", "a/b/c//", "sxm4 80gb"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		d, err := roofline.LookupDevice(name)
		if (err == nil) != (d.Bandwidth > 0) {
			t.Errorf("%q: %+v, %v", name, d, err)
		}
		m, err := roofline.LookupModel(name)
		if (err == nil) != (m.Layers > 0) {
			t.Errorf("%q: %+v, %v", name, m, err)
		}
	})
}
