package roofline

// A Device is an accelerator as its vendor's datasheet has it. Zero stands for what the datasheet does not state.
type Device struct {
	Name string

	// Dense operations a second of the matrix units, without structured sparsity and with accumulation in 32 bits.
	FP16, FP8, INT8, FP4 float64 // FP16 holds for bfloat16, too

	Bandwidth float64 // bytes a second of its memory
	Memory    float64 // bytes
	Bus       float64 // bytes a second from the host, one way
	Link      float64 // bytes a second to other devices of the node, one way; 0 without links of its own

	// Aliases are sets of words: a name that holds all words of one of them, and beside them only sizes and makers, is
	// this device's.
	Aliases []string
	Source  string
}

const (
	tera  = 1e12
	giga  = 1e9
	pcie3 = 16 * giga
	pcie4 = 32 * giga
	pcie5 = 64 * giga
)

// Devices lists the accelerators that are known. Rates "with sparsity" of a datasheet are halved.
var Devices = []Device{
	{"H100-SXM", 989.4 * tera, 1978.9 * tera, 1978.9 * tera, 0, 3.35 * tera, 80 * giga, pcie5, 450 * giga,
		[]string{"h100 sxm", "h100 hbm3"}, "NVIDIA H100 Tensor Core GPU datasheet"},
	{"H100-PCIe", 756.5 * tera, 1513 * tera, 1513 * tera, 0, 2 * tera, 80 * giga, pcie5, 0,
		[]string{"h100 pcie"}, "NVIDIA H100 PCIe product brief PB-11133; ai-dynamo/aiconfigurator systems/h100_pcie.yaml"},
	{"H100-NVL", 835.5 * tera, 1671 * tera, 1671 * tera, 0, 3.9 * tera, 94 * giga, pcie5, 300 * giga,
		[]string{"h100 nvl"}, "NVIDIA H100 Tensor Core GPU datasheet, H100 NVL"},
	{"H200-SXM", 989.4 * tera, 1978.9 * tera, 1978.9 * tera, 0, 4.8 * tera, 141 * giga, pcie5, 450 * giga,
		[]string{"h200", "h200 sxm"}, "NVIDIA H200 Tensor Core GPU datasheet"},
	{"H20", 148 * tera, 296 * tera, 296 * tera, 0, 4 * tera, 96 * giga, pcie5, 450 * giga,
		[]string{"h20", "h20 sxm"}, "NVIDIA H20 specification as in feifeibear/LLMRoofline hardware_dict.py"},
	{"GH200-96GB", 989.4 * tera, 1978.9 * tera, 1978.9 * tera, 0, 4 * tera, 96 * giga, 450 * giga, 450 * giga,
		[]string{"gh200 96", "gh200 480"}, "NVIDIA GH200 Grace Hopper Superchip datasheet, HBM3; the host is reached over NVLink-C2C"},
	{"GH200-144GB", 989.4 * tera, 1978.9 * tera, 1978.9 * tera, 0, 4.9 * tera, 144 * giga, 450 * giga, 450 * giga,
		[]string{"gh200 144"}, "NVIDIA GH200 Grace Hopper Superchip datasheet, HBM3e; the host is reached over NVLink-C2C"},
	{"B200-SXM", 2250 * tera, 4500 * tera, 4500 * tera, 9000 * tera, 7.7 * tera, 180 * giga, 128 * giga, 900 * giga,
		[]string{"b200", "b200 sxm"}, "NVIDIA HGX B200 datasheet; ai-dynamo/aiconfigurator systems/b200_sxm.yaml"},
	{"B300-SXM", 2250 * tera, 4500 * tera, 153.5 * tera, 14000 * tera, 7.75 * tera, 288 * giga, 128 * giga, 900 * giga,
		[]string{"b300", "b300 sxm"}, "NVIDIA HGX B300 datasheet; ai-dynamo/aiconfigurator systems/b300_sxm.yaml"},
	{"GB200", 2500 * tera, 5000 * tera, 5000 * tera, 10000 * tera, 8 * tera, 186 * giga, pcie5, 900 * giga,
		[]string{"gb200"}, "NVIDIA GB200 NVL72 datasheet, one of its GPUs; ai-dynamo/aiconfigurator systems/gb200.yaml"},

	{"A100-SXM-80GB", 312 * tera, 0, 624 * tera, 0, 2.039 * tera, 80 * giga, pcie4, 300 * giga,
		[]string{"a100 sxm 80"}, "NVIDIA A100 Tensor Core GPU datasheet"},
	{"A100-SXM-40GB", 312 * tera, 0, 624 * tera, 0, 1.555 * tera, 40 * giga, pcie4, 300 * giga,
		[]string{"a100 sxm 40"}, "NVIDIA A100 Tensor Core GPU datasheet"},
	{"A100-PCIe-80GB", 312 * tera, 0, 624 * tera, 0, 1.935 * tera, 80 * giga, pcie4, 0,
		[]string{"a100 pcie 80"}, "NVIDIA A100 Tensor Core GPU datasheet"},
	{"A100-PCIe-40GB", 312 * tera, 0, 624 * tera, 0, 1.555 * tera, 40 * giga, pcie4, 0,
		[]string{"a100 pcie 40"}, "NVIDIA A100 Tensor Core GPU datasheet"},
	{"A30", 165 * tera, 0, 330 * tera, 0, 0.933 * tera, 24 * giga, pcie4, 0,
		[]string{"a30"}, "NVIDIA A30 Tensor Core GPU datasheet"},
	{"A40", 149.7 * tera, 0, 299.3 * tera, 0, 0.696 * tera, 48 * giga, pcie4, 0,
		[]string{"a40"}, "NVIDIA A40 datasheet"},
	{"A10", 125 * tera, 0, 250 * tera, 0, 0.6 * tera, 24 * giga, pcie4, 0,
		[]string{"a10"}, "NVIDIA A10 Tensor Core GPU datasheet"},
	{"A10G", 70 * tera, 0, 140 * tera, 0, 0.6 * tera, 24 * giga, pcie4, 0,
		[]string{"a10g"}, "NVIDIA A10G datasheet by AWS, for EC2 G5"},
	{"L40S", 362.05 * tera, 733 * tera, 733 * tera, 0, 0.864 * tera, 48 * giga, pcie4, 0,
		[]string{"l40s"}, "NVIDIA L40S datasheet"},
	{"L40", 181.05 * tera, 362 * tera, 362 * tera, 0, 0.864 * tera, 48 * giga, pcie4, 0,
		[]string{"l40"}, "NVIDIA L40 datasheet"},
	{"L4", 121 * tera, 242.5 * tera, 242.5 * tera, 0, 0.3 * tera, 24 * giga, pcie4, 0,
		[]string{"l4"}, "NVIDIA L4 Tensor Core GPU datasheet"},
	{"T4", 65 * tera, 0, 130 * tera, 0, 0.32 * tera, 16 * giga, pcie3, 0,
		[]string{"t4"}, "NVIDIA T4 Tensor Core GPU datasheet"},
	{"V100-SXM", 125 * tera, 0, 0, 0, 0.9 * tera, 32 * giga, pcie3, 150 * giga,
		[]string{"v100 sxm"}, "NVIDIA V100 datasheet"},
	{"V100-PCIe", 112 * tera, 0, 0, 0, 0.9 * tera, 32 * giga, pcie3, 0,
		[]string{"v100 pcie"}, "NVIDIA V100 datasheet"},

	{"RTX-3090", 71 * tera, 0, 284 * tera, 0, 0.936 * tera, 24 * giga, pcie4, 0,
		[]string{"rtx 3090"}, "NVIDIA Ampere GA102 architecture whitepaper"},
	{"RTX-4090", 165.2 * tera, 330.3 * tera, 660.6 * tera, 0, 1.008 * tera, 24 * giga, pcie4, 0,
		[]string{"rtx 4090"}, "NVIDIA Ada GPU architecture whitepaper"},
	{"RTX-5090", 209.5 * tera, 419 * tera, 838 * tera, 1676 * tera, 1.792 * tera, 32 * giga, pcie5, 0,
		[]string{"rtx 5090"}, "NVIDIA RTX Blackwell GPU architecture whitepaper"},
	{"RTX-6000-Ada", 364.2 * tera, 728.5 * tera, 728.5 * tera, 0, 0.96 * tera, 48 * giga, pcie4, 0,
		[]string{"rtx 6000 ada"}, "NVIDIA RTX 6000 Ada Generation datasheet"},
	{"RTX-PRO-6000", 468 * tera, 936 * tera, 936 * tera, 1871 * tera, 1.792 * tera, 96 * giga, pcie5, 0,
		[]string{"rtx pro 6000", "rtx pro 6000 blackwell server"}, "ai-dynamo/aiconfigurator systems/rtx_pro_6000_server.yaml"},

	{"MI210", 181 * tera, 0, 181 * tera, 0, 1.6384 * tera, 64 * giga, pcie4, 0,
		[]string{"mi210"}, "AMD Instinct MI210 datasheet"},
	{"MI250X", 191.5 * tera, 0, 191.5 * tera, 0, 1.6384 * tera, 64 * giga, pcie4, 0,
		[]string{"mi250x"}, "AMD Instinct MI250X datasheet; one of its two dies, which programs see as devices"},
	{"MI300X", 1307.4 * tera, 2614.9 * tera, 2614.9 * tera, 0, 5.3 * tera, 192 * giga, pcie5, 448 * giga,
		[]string{"mi300x"}, "AMD Instinct MI300X datasheet"},
	{"MI325X", 1307.4 * tera, 2614.9 * tera, 2614.9 * tera, 0, 6 * tera, 256 * giga, pcie5, 448 * giga,
		[]string{"mi325x"}, "AMD Instinct MI325X datasheet"},
	{"Gaudi2", 432 * tera, 865 * tera, 0, 0, 2.46 * tera, 96 * giga, pcie4, 300 * giga,
		[]string{"gaudi2", "gaudi 2", "hl 225"}, "Intel Gaudi 3 AI Accelerator white paper, table of generations"},
	{"Gaudi3", 1835 * tera, 1835 * tera, 0, 0, 3.67 * tera, 128 * giga, pcie5, 600 * giga,
		[]string{"gaudi3", "gaudi 3", "hl 325l"}, "Intel Gaudi 3 AI Accelerator white paper"},
	{"TPU-v5e", 197 * tera, 0, 394 * tera, 0, 0.819 * tera, 16 * giga, 0, 200 * giga,
		[]string{"tpu v5e", "v5litepod"}, "Google Cloud TPU v5e documentation"},

	// Apple publishes the bandwidth of its chips and no rate of their matrix units.
	{"M1", 0, 0, 0, 0, 68.2 * giga, 0, 0, 0, []string{"m1"}, "Apple M1 specification"},
	{"M1-Pro", 0, 0, 0, 0, 200 * giga, 0, 0, 0, []string{"m1 pro"}, "Apple M1 Pro specification"},
	{"M1-Max", 0, 0, 0, 0, 400 * giga, 0, 0, 0, []string{"m1 max"}, "Apple M1 Max specification"},
	{"M1-Ultra", 0, 0, 0, 0, 800 * giga, 0, 0, 0, []string{"m1 ultra"}, "Apple M1 Ultra specification"},
	{"M2", 0, 0, 0, 0, 100 * giga, 0, 0, 0, []string{"m2"}, "Apple M2 specification"},
	{"M2-Pro", 0, 0, 0, 0, 200 * giga, 0, 0, 0, []string{"m2 pro"}, "Apple M2 Pro specification"},
	{"M2-Max", 0, 0, 0, 0, 400 * giga, 0, 0, 0, []string{"m2 max"}, "Apple M2 Max specification"},
	{"M2-Ultra", 0, 0, 0, 0, 800 * giga, 0, 0, 0, []string{"m2 ultra"}, "Apple M2 Ultra specification"},
	{"M3", 0, 0, 0, 0, 100 * giga, 0, 0, 0, []string{"m3"}, "Apple M3 specification"},
	{"M3-Pro", 0, 0, 0, 0, 150 * giga, 0, 0, 0, []string{"m3 pro"}, "Apple M3 Pro specification"},
	{"M4", 0, 0, 0, 0, 120 * giga, 0, 0, 0, []string{"m4"}, "Apple M4 specification"},
	{"M4-Pro", 0, 0, 0, 0, 273 * giga, 0, 0, 0, []string{"m4 pro"}, "Apple M4 Pro specification"},
	{"M4-Max", 0, 0, 0, 0, 546 * giga, 0, 0, 0, []string{"m4 max"}, "Apple M4 Max specification, 40-core GPU"},
}
