package sim

// A Device is an accelerator. Rates are those of its data sheet, without sparsity.
type Device struct {
	Name   string
	FLOPS  float64 // per second, 16-bit
	Memory float64 // bytes per second
	Bus    float64 // bytes per second from the host
	Size   float64 // bytes of memory
}

// The devices of which the simulator has numbers. Source of rates and sizes: https://github.com/ai-dynamo/aiconfigurator,
// src/aiconfigurator/systems (a100_sxm.yaml, b200_sxm.yaml, h100_sxm.yaml, h200_sxm.yaml, l4.yaml, l40s.yaml), and NVIDIA's data sheets
// of the A10, the A40, the H100 NVL, of GH200 with 96 GB and of the RTX 6000 Ada.
var (
	A10  = Device{Name: "NVIDIA A10", FLOPS: 125e12, Memory: 0.6e12, Bus: 32e9, Size: 24e9}
	A100 = Device{Name: "NVIDIA A100-SXM4-80GB", FLOPS: 312e12, Memory: 2.039e12, Bus: 32e9, Size: 80e9}
	B200 = Device{Name: "NVIDIA B200", FLOPS: 2250e12, Memory: 7.7e12, Bus: 128e9, Size: 180e9}
	H100 = Device{Name: "NVIDIA H100 80GB HBM3", FLOPS: 989e12, Memory: 3.35e12, Bus: 64e9, Size: 80e9}
	H200 = Device{Name: "NVIDIA H200", FLOPS: 989e12, Memory: 4.8e12, Bus: 64e9, Size: 141e9}
	L4   = Device{Name: "NVIDIA L4", FLOPS: 121e12, Memory: 0.3e12, Bus: 32e9, Size: 24e9}
	L40S = Device{Name: "NVIDIA L40S", FLOPS: 362e12, Memory: 0.864e12, Bus: 32e9, Size: 48e9}

	GH200      = Device{Name: "NVIDIA GH200 480GB", FLOPS: 989e12, Memory: 4e12, Bus: 450e9, Size: 96e9} // the host is reached over NVLink-C2C
	A40        = Device{Name: "NVIDIA A40", FLOPS: 149.7e12, Memory: 0.696e12, Bus: 32e9, Size: 48e9}
	H100NVL    = Device{Name: "NVIDIA H100 NVL", FLOPS: 835.5e12, Memory: 3.9e12, Bus: 64e9, Size: 94e9}
	RTX6000Ada = Device{Name: "NVIDIA RTX 6000 Ada Generation", FLOPS: 364e12, Memory: 0.96e12, Bus: 32e9, Size: 48e9}
)

// Devices lists them.
var Devices = []Device{A10, A100, B200, H100, H200, L4, L40S, GH200, RTX6000Ada, A40, H100NVL}

// A Model is a dense decoder. Sizes are those of its published config.json.
type Model struct {
	Name      string
	Params    float64
	Layers    int
	Hidden    int // width of the attention's queries: heads x head size
	KVHeads   int
	HeadSize  int
	ByteWidth float64 // bytes of a parameter, and of a number in the KV cache
}

// The models of which the simulator has sizes, from config.json of meta-llama/Llama-3.1-8B-Instruct,
// meta-llama/Llama-3.1-70B-Instruct, meta-llama/Llama-3.2-3B-Instruct, Qwen/Qwen2.5-3B-Instruct, Qwen/Qwen2.5-7B-Instruct,
// Qwen/Qwen2.5-14B-Instruct, Qwen/Qwen2.5-32B-Instruct, Qwen/Qwen3-4B, microsoft/phi-4,
// microsoft/Phi-4-mini-instruct, mistralai/Mistral-7B-Instruct-v0.3 and mistralai/Mistral-Nemo-Instruct-2407.
var (
	Llama8B   = Model{Name: "meta-llama/Llama-3.1-8B-Instruct", Params: 8.03e9, Layers: 32, Hidden: 4096, KVHeads: 8, HeadSize: 128, ByteWidth: 2}
	Llama70B  = Model{Name: "meta-llama/Llama-3.1-70B-Instruct", Params: 70.6e9, Layers: 80, Hidden: 8192, KVHeads: 8, HeadSize: 128, ByteWidth: 2}
	Llama3B   = Model{Name: "meta-llama/Llama-3.2-3B-Instruct", Params: 3.21e9, Layers: 28, Hidden: 3072, KVHeads: 8, HeadSize: 128, ByteWidth: 2}
	Qwen3B    = Model{Name: "Qwen/Qwen2.5-3B-Instruct", Params: 3.09e9, Layers: 36, Hidden: 2048, KVHeads: 2, HeadSize: 128, ByteWidth: 2}
	Qwen7B    = Model{Name: "Qwen/Qwen2.5-7B-Instruct", Params: 7.62e9, Layers: 28, Hidden: 3584, KVHeads: 4, HeadSize: 128, ByteWidth: 2}
	Qwen14B   = Model{Name: "Qwen/Qwen2.5-14B-Instruct", Params: 14.77e9, Layers: 48, Hidden: 5120, KVHeads: 8, HeadSize: 128, ByteWidth: 2}
	Qwen32B   = Model{Name: "Qwen/Qwen2.5-32B-Instruct", Params: 32.76e9, Layers: 64, Hidden: 5120, KVHeads: 8, HeadSize: 128, ByteWidth: 2}
	Qwen4B    = Model{Name: "Qwen/Qwen3-4B", Params: 4.02e9, Layers: 36, Hidden: 4096, KVHeads: 8, HeadSize: 128, ByteWidth: 2}
	Phi14B    = Model{Name: "microsoft/phi-4", Params: 14.66e9, Layers: 40, Hidden: 5120, KVHeads: 10, HeadSize: 128, ByteWidth: 2}
	Phi4B     = Model{Name: "microsoft/Phi-4-mini-instruct", Params: 3.84e9, Layers: 32, Hidden: 3072, KVHeads: 8, HeadSize: 128, ByteWidth: 2}
	Nemo12B   = Model{Name: "mistralai/Mistral-Nemo-Instruct-2407", Params: 12.25e9, Layers: 40, Hidden: 4096, KVHeads: 8, HeadSize: 128, ByteWidth: 2}
	Mistral7B = Model{Name: "mistralai/Mistral-7B-Instruct-v0.3", Params: 7.25e9, Layers: 32, Hidden: 4096, KVHeads: 8, HeadSize: 128, ByteWidth: 2}
)

// Models lists them.
var Models = []Model{Llama8B, Llama70B, Llama3B, Qwen3B, Qwen7B, Qwen14B, Qwen32B, Qwen4B, Phi14B, Mistral7B, Phi4B, Nemo12B}

// Weights returns the bytes of the parameters.
func (m Model) Weights() float64 { return m.Params * m.ByteWidth }

// KVBytes returns the bytes of KV cache of one token.
func (m Model) KVBytes() float64 {
	return 2 * float64(m.Layers) * float64(m.KVHeads) * float64(m.HeadSize) * m.ByteWidth
}

// BlockTokens is how many tokens a block of KV cache holds, as in vLLM.
const BlockTokens = 16

// KVBlocks returns how many blocks fit on n devices beside the weights, when 90 % of the memory is used, as vLLM does
// unless told otherwise.
func KVBlocks(m Model, d Device, n int) int {
	return max(0, int((0.9*d.Size*float64(n)-m.Weights())/(m.KVBytes()*BlockTokens)))
}
