package roofline

// A Model is the architecture of a transformer, as its published config.json has it. What it weighs and computes follows
// from that: see [Model.Parameters].
type Model struct {
	Name string // its id on Hugging Face

	Layers, Hidden, Heads, KVHeads, HeadDim int
	Intermediate                            int // of a dense feed-forward layer
	Vocab                                   int // rows of the embedding table
	Tied                                    bool
	Ungated                                 bool // feed-forward layers are two matrices, not three

	Window       int // tokens that a sliding-window layer attends to; 0 without such layers
	WindowLayers int

	Experts *Experts // of a mixture of experts
	Latent  *Latent  // of multi-head latent attention
	Linear  *Linear  // of a hybrid with linear attention

	WeightBytes float64 // a parameter, as published; 0 for 2
	ExpertBytes float64 // of the experts' parameters; 0 for WeightBytes

	Aliases []string // other models of the same architecture
}

// Experts are the feed-forward layers of a mixture of experts.
type Experts struct {
	Count, PerToken int
	Intermediate    int // of one expert
	Shared          int // width of the experts that every token visits, all together; 0 without
	DenseLayers     int // layers without experts, whose width is [Model.Intermediate]
}

// Latent is multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1): the cache holds one compressed
// vector for all heads.
type Latent struct {
	QueryRank, KVRank          int
	NopeDim, RopeDim, ValueDim int
}

// Linear is gated delta attention (arXiv 2412.06464) in all layers but some: its state does not grow with the context.
type Linear struct {
	FullLayers            int // layers with softmax attention, whose queries are gated
	KeyHeads, ValueHeads  int
	KeyHeadDim, ValueHead int
}

// Models lists the architectures that are known. The source of a row is huggingface.co/NAME/blob/main/config.json; its
// parameters are checked against the model's card by the tests.
var Models = []Model{
	{Name: "meta-llama/Llama-2-7b-hf", Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 32, HeadDim: 128, Intermediate: 11008, Vocab: 32000, Aliases: []string{"llama2:7b", "vicuna-7b"}},
	{Name: "meta-llama/Llama-2-13b-hf", Layers: 40, Hidden: 5120, Heads: 40, KVHeads: 40, HeadDim: 128, Intermediate: 13824, Vocab: 32000, Aliases: []string{"vicuna-13b"}},
	{Name: "meta-llama/Llama-2-70b-hf", Layers: 80, Hidden: 8192, Heads: 64, KVHeads: 8, HeadDim: 128, Intermediate: 28672, Vocab: 32000},
	{Name: "codellama/CodeLlama-7b-hf", Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 32, HeadDim: 128, Intermediate: 11008, Vocab: 32016},
	{Name: "codellama/CodeLlama-13b-hf", Layers: 40, Hidden: 5120, Heads: 40, KVHeads: 40, HeadDim: 128, Intermediate: 13824, Vocab: 32016},
	{Name: "codellama/CodeLlama-34b-hf", Layers: 48, Hidden: 8192, Heads: 64, KVHeads: 8, HeadDim: 128, Intermediate: 22016, Vocab: 32000},
	{Name: "codellama/CodeLlama-70b-hf", Layers: 80, Hidden: 8192, Heads: 64, KVHeads: 8, HeadDim: 128, Intermediate: 28672, Vocab: 32016},
	{Name: "meta-llama/Llama-3.1-8B", Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 14336, Vocab: 128256, Aliases: []string{"llama-3-8b", "DeepSeek-R1-Distill-Llama-8B"}},
	{Name: "meta-llama/Llama-3.1-70B", Layers: 80, Hidden: 8192, Heads: 64, KVHeads: 8, HeadDim: 128, Intermediate: 28672, Vocab: 128256, Aliases: []string{"llama-3-70b", "llama-3.3-70b", "DeepSeek-R1-Distill-Llama-70B"}},
	{Name: "meta-llama/Llama-3.1-405B", Layers: 126, Hidden: 16384, Heads: 128, KVHeads: 8, HeadDim: 128, Intermediate: 53248, Vocab: 128256},
	{Name: "meta-llama/Llama-3.2-1B", Layers: 16, Hidden: 2048, Heads: 32, KVHeads: 8, HeadDim: 64, Intermediate: 8192, Vocab: 128256, Tied: true},
	{Name: "meta-llama/Llama-3.2-3B", Layers: 28, Hidden: 3072, Heads: 24, KVHeads: 8, HeadDim: 128, Intermediate: 8192, Vocab: 128256, Tied: true},
	{Name: "TinyLlama/TinyLlama-1.1B-Chat-v1.0", Layers: 22, Hidden: 2048, Heads: 32, KVHeads: 4, HeadDim: 64, Intermediate: 5632, Vocab: 32000},

	{Name: "mistralai/Mistral-7B-v0.1", Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 14336, Vocab: 32000, Window: 4096, WindowLayers: 32},
	{Name: "mistralai/Mistral-7B-v0.3", Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 14336, Vocab: 32768, Aliases: []string{"mistral-7b", "Mistral-7B-v0.2"}},
	{Name: "mistralai/Mistral-Nemo-Base-2407", Layers: 40, Hidden: 5120, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 14336, Vocab: 131072},
	{Name: "mistralai/Ministral-8B-Instruct-2410", Layers: 36, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 12288, Vocab: 131072},
	{Name: "mistralai/Mistral-Small-24B-Base-2501", Layers: 40, Hidden: 5120, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 32768, Vocab: 131072, Aliases: []string{"Mistral-Small-3.1-24B", "Mistral-Small-3.2-24B", "Devstral-Small-2507", "Magistral-Small-2506"}},
	{Name: "mistralai/Codestral-22B-v0.1", Layers: 56, Hidden: 6144, Heads: 48, KVHeads: 8, HeadDim: 128, Intermediate: 16384, Vocab: 32768},
	{Name: "mistralai/Mistral-Large-Instruct-2411", Layers: 88, Hidden: 12288, Heads: 96, KVHeads: 8, HeadDim: 128, Intermediate: 28672, Vocab: 32768, Aliases: []string{"Mistral-Large-Instruct-2407"}},
	{Name: "mistralai/Mixtral-8x7B-v0.1", Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Vocab: 32000, Experts: &Experts{Count: 8, PerToken: 2, Intermediate: 14336}},
	{Name: "mistralai/Mixtral-8x22B-v0.1", Layers: 56, Hidden: 6144, Heads: 48, KVHeads: 8, HeadDim: 128, Vocab: 32000, Experts: &Experts{Count: 8, PerToken: 2, Intermediate: 16384}},

	{Name: "Qwen/Qwen2.5-0.5B", Layers: 24, Hidden: 896, Heads: 14, KVHeads: 2, HeadDim: 64, Intermediate: 4864, Vocab: 151936, Tied: true, Aliases: []string{"qwen2-0.5b"}},
	{Name: "Qwen/Qwen2.5-1.5B", Layers: 28, Hidden: 1536, Heads: 12, KVHeads: 2, HeadDim: 128, Intermediate: 8960, Vocab: 151936, Tied: true, Aliases: []string{"qwen2-1.5b"}},
	{Name: "Qwen/Qwen2.5-3B", Layers: 36, Hidden: 2048, Heads: 16, KVHeads: 2, HeadDim: 128, Intermediate: 11008, Vocab: 151936, Tied: true},
	{Name: "Qwen/Qwen2.5-7B", Layers: 28, Hidden: 3584, Heads: 28, KVHeads: 4, HeadDim: 128, Intermediate: 18944, Vocab: 152064, Aliases: []string{"qwen2-7b", "DeepSeek-R1-Distill-Qwen-7B"}},
	{Name: "Qwen/Qwen2.5-14B", Layers: 48, Hidden: 5120, Heads: 40, KVHeads: 8, HeadDim: 128, Intermediate: 13824, Vocab: 152064, Aliases: []string{"DeepSeek-R1-Distill-Qwen-14B"}},
	{Name: "Qwen/Qwen2.5-32B", Layers: 64, Hidden: 5120, Heads: 40, KVHeads: 8, HeadDim: 128, Intermediate: 27648, Vocab: 152064, Aliases: []string{"QwQ-32B", "DeepSeek-R1-Distill-Qwen-32B"}},
	{Name: "Qwen/Qwen2.5-72B", Layers: 80, Hidden: 8192, Heads: 64, KVHeads: 8, HeadDim: 128, Intermediate: 29568, Vocab: 152064, Aliases: []string{"qwen2-72b"}},
	{Name: "Qwen/Qwen3-0.6B", Layers: 28, Hidden: 1024, Heads: 16, KVHeads: 8, HeadDim: 128, Intermediate: 3072, Vocab: 151936, Tied: true},
	{Name: "Qwen/Qwen3-1.7B", Layers: 28, Hidden: 2048, Heads: 16, KVHeads: 8, HeadDim: 128, Intermediate: 6144, Vocab: 151936, Tied: true},
	{Name: "Qwen/Qwen3-4B", Layers: 36, Hidden: 2560, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 9728, Vocab: 151936, Tied: true},
	{Name: "Qwen/Qwen3-8B", Layers: 36, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 12288, Vocab: 151936},
	{Name: "Qwen/Qwen3-14B", Layers: 40, Hidden: 5120, Heads: 40, KVHeads: 8, HeadDim: 128, Intermediate: 17408, Vocab: 151936},
	{Name: "Qwen/Qwen3-32B", Layers: 64, Hidden: 5120, Heads: 64, KVHeads: 8, HeadDim: 128, Intermediate: 25600, Vocab: 151936},
	{Name: "Qwen/Qwen3-30B-A3B", Layers: 48, Hidden: 2048, Heads: 32, KVHeads: 4, HeadDim: 128, Vocab: 151936, Experts: &Experts{Count: 128, PerToken: 8, Intermediate: 768}},
	{Name: "Qwen/Qwen3-235B-A22B", Layers: 94, Hidden: 4096, Heads: 64, KVHeads: 4, HeadDim: 128, Vocab: 151936, Experts: &Experts{Count: 128, PerToken: 8, Intermediate: 1536}},
	{Name: "Qwen/Qwen3-Coder-480B-A35B-Instruct", Layers: 62, Hidden: 6144, Heads: 96, KVHeads: 8, HeadDim: 128, Vocab: 151936, Experts: &Experts{Count: 160, PerToken: 8, Intermediate: 2560}},
	{Name: "Qwen/Qwen3.5-27B", Layers: 64, Hidden: 5120, Heads: 24, KVHeads: 4, HeadDim: 256, Intermediate: 17408, Vocab: 248320, Linear: &Linear{FullLayers: 16, KeyHeads: 16, ValueHeads: 48, KeyHeadDim: 128, ValueHead: 128}},
	{Name: "Qwen/Qwen3.5-35B-A3B", Layers: 40, Hidden: 2048, Heads: 16, KVHeads: 2, HeadDim: 256, Vocab: 248320, Experts: &Experts{Count: 256, PerToken: 8, Intermediate: 512, Shared: 512}, Linear: &Linear{FullLayers: 10, KeyHeads: 16, ValueHeads: 32, KeyHeadDim: 128, ValueHead: 128}},

	{Name: "google/gemma-2b", Layers: 18, Hidden: 2048, Heads: 8, KVHeads: 1, HeadDim: 256, Intermediate: 16384, Vocab: 256000, Tied: true},
	{Name: "google/gemma-7b", Layers: 28, Hidden: 3072, Heads: 16, KVHeads: 16, HeadDim: 256, Intermediate: 24576, Vocab: 256000, Tied: true},
	{Name: "google/gemma-2-2b", Layers: 26, Hidden: 2304, Heads: 8, KVHeads: 4, HeadDim: 256, Intermediate: 9216, Vocab: 256000, Tied: true, Window: 4096, WindowLayers: 13},
	{Name: "google/gemma-2-9b", Layers: 42, Hidden: 3584, Heads: 16, KVHeads: 8, HeadDim: 256, Intermediate: 14336, Vocab: 256000, Tied: true, Window: 4096, WindowLayers: 21},
	{Name: "google/gemma-2-27b", Layers: 46, Hidden: 4608, Heads: 32, KVHeads: 16, HeadDim: 128, Intermediate: 36864, Vocab: 256000, Tied: true, Window: 4096, WindowLayers: 23},
	{Name: "google/gemma-3-1b-it", Layers: 26, Hidden: 1152, Heads: 4, KVHeads: 1, HeadDim: 256, Intermediate: 6912, Vocab: 262144, Tied: true, Window: 512, WindowLayers: 22},
	{Name: "google/gemma-3-4b-it", Layers: 34, Hidden: 2560, Heads: 8, KVHeads: 4, HeadDim: 256, Intermediate: 10240, Vocab: 262208, Tied: true, Window: 1024, WindowLayers: 29},
	{Name: "google/gemma-3-12b-it", Layers: 48, Hidden: 3840, Heads: 16, KVHeads: 8, HeadDim: 256, Intermediate: 15360, Vocab: 262208, Tied: true, Window: 1024, WindowLayers: 40},
	{Name: "google/gemma-3-27b-it", Layers: 62, Hidden: 5376, Heads: 32, KVHeads: 16, HeadDim: 128, Intermediate: 21504, Vocab: 262208, Tied: true, Window: 1024, WindowLayers: 52},

	{Name: "microsoft/phi-2", Layers: 32, Hidden: 2560, Heads: 32, KVHeads: 32, HeadDim: 80, Intermediate: 10240, Vocab: 51200, Ungated: true},
	{Name: "microsoft/Phi-3.5-mini-instruct", Layers: 32, Hidden: 3072, Heads: 32, KVHeads: 32, HeadDim: 96, Intermediate: 8192, Vocab: 32064, Aliases: []string{"Phi-3-mini-128k-instruct"}},
	{Name: "microsoft/Phi-3-mini-4k-instruct", Layers: 32, Hidden: 3072, Heads: 32, KVHeads: 32, HeadDim: 96, Intermediate: 8192, Vocab: 32064, Window: 2047, WindowLayers: 32},
	{Name: "microsoft/phi-4", Layers: 40, Hidden: 5120, Heads: 40, KVHeads: 10, HeadDim: 128, Intermediate: 17920, Vocab: 100352, Aliases: []string{"Phi-4-reasoning", "Phi-4-reasoning-plus"}},
	{Name: "microsoft/Phi-4-mini-instruct", Layers: 32, Hidden: 3072, Heads: 24, KVHeads: 8, HeadDim: 128, Intermediate: 8192, Vocab: 200064, Tied: true, Aliases: []string{"Phi-4-mini-reasoning"}},

	{Name: "deepseek-ai/DeepSeek-V3", Layers: 61, Hidden: 7168, Heads: 128, KVHeads: 128, HeadDim: 128, Intermediate: 18432, Vocab: 129280, WeightBytes: 1,
		Experts: &Experts{Count: 256, PerToken: 8, Intermediate: 2048, Shared: 2048, DenseLayers: 3},
		Latent:  &Latent{QueryRank: 1536, KVRank: 512, NopeDim: 128, RopeDim: 64, ValueDim: 128},
		Aliases: []string{"DeepSeek-R1", "DeepSeek-V3.1", "DeepSeek-V3-0324", "DeepSeek-R1-0528"}},
	{Name: "moonshotai/Kimi-K2-Instruct", Layers: 61, Hidden: 7168, Heads: 64, KVHeads: 64, HeadDim: 128, Intermediate: 18432, Vocab: 163840, WeightBytes: 1,
		Experts: &Experts{Count: 384, PerToken: 8, Intermediate: 2048, Shared: 2048, DenseLayers: 1},
		Latent:  &Latent{QueryRank: 1536, KVRank: 512, NopeDim: 128, RopeDim: 64, ValueDim: 128}},
	// The experts are MXFP4: 4 bits a parameter and a scale of 8 bits for 32 of them.
	{Name: "openai/gpt-oss-20b", Layers: 24, Hidden: 2880, Heads: 64, KVHeads: 8, HeadDim: 64, Vocab: 201088, Window: 128, WindowLayers: 12, ExpertBytes: 4.25 / 8, Experts: &Experts{Count: 32, PerToken: 4, Intermediate: 2880}},
	{Name: "openai/gpt-oss-120b", Layers: 36, Hidden: 2880, Heads: 64, KVHeads: 8, HeadDim: 64, Vocab: 201088, Window: 128, WindowLayers: 18, ExpertBytes: 4.25 / 8, Experts: &Experts{Count: 128, PerToken: 4, Intermediate: 2880}},

	{Name: "HuggingFaceTB/SmolLM2-135M-Instruct", Layers: 30, Hidden: 576, Heads: 9, KVHeads: 3, HeadDim: 64, Intermediate: 1536, Vocab: 49152, Tied: true},
	{Name: "HuggingFaceTB/SmolLM2-360M-Instruct", Layers: 32, Hidden: 960, Heads: 15, KVHeads: 5, HeadDim: 64, Intermediate: 2560, Vocab: 49152, Tied: true},
	{Name: "HuggingFaceTB/SmolLM2-1.7B-Instruct", Layers: 24, Hidden: 2048, Heads: 32, KVHeads: 32, HeadDim: 64, Intermediate: 8192, Vocab: 49152, Tied: true},

	{Name: "01-ai/Yi-1.5-6B", Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 4, HeadDim: 128, Intermediate: 11008, Vocab: 64000, Aliases: []string{"Yi-6B"}},
	{Name: "01-ai/Yi-1.5-9B", Layers: 48, Hidden: 4096, Heads: 32, KVHeads: 4, HeadDim: 128, Intermediate: 11008, Vocab: 64000, Aliases: []string{"Yi-9B"}},
	{Name: "01-ai/Yi-1.5-34B", Layers: 60, Hidden: 7168, Heads: 56, KVHeads: 8, HeadDim: 128, Intermediate: 20480, Vocab: 64000, Aliases: []string{"Yi-34B"}},
	{Name: "allenai/OLMo-2-1124-7B", Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 32, HeadDim: 128, Intermediate: 11008, Vocab: 100352},
	{Name: "allenai/OLMo-2-1124-13B", Layers: 40, Hidden: 5120, Heads: 40, KVHeads: 40, HeadDim: 128, Intermediate: 13824, Vocab: 100352},
	{Name: "bigcode/starcoder2-7b", Layers: 32, Hidden: 4608, Heads: 36, KVHeads: 4, HeadDim: 128, Intermediate: 18432, Vocab: 49152, Tied: true, Ungated: true, Window: 4096, WindowLayers: 32},
	{Name: "bigcode/starcoder2-15b", Layers: 40, Hidden: 6144, Heads: 48, KVHeads: 4, HeadDim: 128, Intermediate: 24576, Vocab: 49152, Ungated: true, Window: 4096, WindowLayers: 40},
	{Name: "CohereLabs/aya-expanse-8b", Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 14336, Vocab: 256000, Tied: true},
	{Name: "CohereLabs/c4ai-command-r-08-2024", Layers: 40, Hidden: 8192, Heads: 64, KVHeads: 8, HeadDim: 128, Intermediate: 24576, Vocab: 256000, Tied: true},
	{Name: "deepseek-ai/deepseek-llm-7b-base", Layers: 30, Hidden: 4096, Heads: 32, KVHeads: 32, HeadDim: 128, Intermediate: 11008, Vocab: 102400},
	{Name: "deepseek-ai/deepseek-coder-6.7b-base", Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 32, HeadDim: 128, Intermediate: 11008, Vocab: 32256},
	{Name: "deepseek-ai/deepseek-coder-33b-base", Layers: 62, Hidden: 7168, Heads: 56, KVHeads: 8, HeadDim: 128, Intermediate: 19200, Vocab: 32256},
	{Name: "ibm-granite/granite-3.1-2b-instruct", Layers: 40, Hidden: 2048, Heads: 32, KVHeads: 8, HeadDim: 64, Intermediate: 8192, Vocab: 49155, Tied: true, Aliases: []string{"granite-3.0-2b", "granite-3.2-2b", "granite-3.3-2b"}},
	{Name: "ibm-granite/granite-3.1-8b-instruct", Layers: 40, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 12800, Vocab: 49155, Tied: true, Aliases: []string{"granite-3.0-8b", "granite-3.2-8b", "granite-3.3-8b"}},
	{Name: "internlm/internlm2_5-7b-chat", Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 14336, Vocab: 92544, Aliases: []string{"internlm2-7b"}},
	{Name: "LGAI-EXAONE/EXAONE-3.5-7.8B-Instruct", Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 14336, Vocab: 102400},
	{Name: "tiiuae/Falcon3-7B-Base", Layers: 28, Hidden: 3072, Heads: 12, KVHeads: 4, HeadDim: 256, Intermediate: 23040, Vocab: 131072},
	{Name: "tiiuae/Falcon3-10B-Base", Layers: 40, Hidden: 3072, Heads: 12, KVHeads: 4, HeadDim: 256, Intermediate: 23040, Vocab: 131072},
	{Name: "upstage/SOLAR-10.7B-v1.0", Layers: 48, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 14336, Vocab: 32000},
	{Name: "zai-org/glm-4-9b", Layers: 40, Hidden: 4096, Heads: 32, KVHeads: 2, HeadDim: 128, Intermediate: 13696, Vocab: 151552},
}
