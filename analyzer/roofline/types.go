package roofline

import (
	"fmt"
	"slices"
	"strings"
)

// A numberType is how weights or cached numbers are kept, by the words that engines and model names use for it.
type numberType struct {
	names []string
	bytes float64
	rate  func(*Device) float64 // of matrix units that work in it; nil where they work in 16 bits
}

func rateFP8(d *Device) float64  { return d.FP8 }
func rateINT8(d *Device) float64 { return d.INT8 }
func rateFP4(d *Device) float64  { return d.FP4 }

// numberTypes lists them. The sizes of GGUF types are those of their blocks in ggml-common.h of ggml-org/llama.cpp; what
// mixes several types (Q4_K_M) goes by the one that names it, which is its least.
var numberTypes = []numberType{
	{[]string{"float32", "fp32", "f32"}, 4, nil},
	{[]string{"bfloat16", "bf16", "float16", "fp16", "f16", "half", "auto", "none"}, 2, nil},
	{[]string{"fp8", "w8a8-fp8", "fp8-dynamic", "fp8_e4m3", "fp8_e5m2", "float8", "fp8_e4m3fn", "fbgemm_fp8"}, 1, rateFP8},
	{[]string{"int8", "w8a8", "w8a8-int8", "smoothquant"}, 1, rateINT8},
	{[]string{"w8a16", "8bit"}, 1, nil},
	{[]string{"nvfp4", "modelopt_fp4"}, 0.5, rateFP4},
	{[]string{"mxfp4"}, 4.25 / 8, nil},
	{[]string{"awq", "gptq", "awq_marlin", "gptq_marlin", "int4", "w4a16", "4bit", "bnb", "bitsandbytes", "nf4", "marlin"}, 0.5, nil},
	{[]string{"q8_0", "q8"}, 34. / 32, nil},
	{[]string{"q6_k"}, 210. / 256, nil},
	{[]string{"q5_k", "q5_k_m", "q5_k_s"}, 176. / 256, nil},
	{[]string{"q5_0"}, 22. / 32, nil},
	{[]string{"q4_k", "q4_k_m", "q4_k_s"}, 144. / 256, nil},
	{[]string{"q4_0"}, 18. / 32, nil},
	{[]string{"q3_k", "q3_k_m", "q3_k_s", "q3_k_l"}, 110. / 256, nil},
	{[]string{"q2_k"}, 84. / 256, nil},
}

func typeNamed(name string) (*numberType, bool) {
	name = strings.ToLower(name)
	for i := range numberTypes {
		if slices.Contains(numberTypes[i].names, name) || slices.Contains(numberTypes[i].names, strings.ReplaceAll(name, "-", "_")) {
			return &numberTypes[i], true
		}
	}
	return nil, false
}

// A Setup is how a model is served, in the words of engines. Empty texts and zeros are what engines do by default.
type Setup struct {
	Model, Device       string
	DType, Quantization string
	CacheDType          string
	Tensor              int

	// What is stated goes before the tables.
	Stated    Stated
	FLOPS     float64 // dense operations a second of one device
	Bandwidth float64 // bytes a second of its memory
}

// New looks the model and the device up. Its errors say what is not known, and how to state it.
func New(u Setup) (*Serving, error) {
	s := &Serving{Tensor: max(u.Tensor, 1), WeightBytes: 2, CacheBytes: 2}
	quantization := u.Quantization
	if u.Stated.Parameters > 0 {
		stated := u.Stated
		if stated.Active == 0 {
			stated.Active = stated.Parameters
		}
		if stated.Active > stated.Parameters {
			return nil, fmt.Errorf("more active parameters (%g) than parameters (%g)", stated.Active, stated.Parameters)
		}
		s.stated, s.Model.Name = &stated, u.Model
	} else {
		m, err := LookupModel(u.Model)
		if err != nil {
			return nil, err
		}
		s.Model = m
		if m.WeightBytes > 0 {
			s.WeightBytes = m.WeightBytes
		}
	}
	if quantization == "" {
		quantization = quantizationIn(u.Model)
	}
	if u.Bandwidth > 0 {
		s.Device = Device{Name: u.Device, Bandwidth: u.Bandwidth, FP16: u.FLOPS}
	} else {
		d, err := LookupDevice(u.Device)
		if err != nil {
			return nil, err
		}
		s.Device = d
	}
	return s, s.setTypes(u, quantization)
}

// setTypes sets what a parameter weighs and the rate that it is computed at.
func (s *Serving) setTypes(u Setup, quantization string) error {
	s.FLOPS = s.Device.FP16
	if s.WeightBytes == 1 && s.Device.FP8 > 0 {
		s.FLOPS = s.Device.FP8
	}
	s.HeadBytes = 2 // engines leave the head as it is when they quantize layers
	if u.DType != "" {
		t, ok := typeNamed(u.DType)
		if !ok {
			return fmt.Errorf("dtype %q is not known", u.DType)
		}
		if s.Model.WeightBytes == 0 {
			s.WeightBytes, s.HeadBytes = t.bytes, t.bytes
		}
		if t.bytes == 4 {
			s.FLOPS = 0 // no table has a rate for it
		}
	}
	s.ExpertBytes = s.WeightBytes
	if s.Model.ExpertBytes > 0 {
		s.ExpertBytes = s.Model.ExpertBytes
	}
	if quantization != "" {
		t, ok := typeNamed(quantization)
		if !ok {
			return fmt.Errorf("quantization %q is not known", quantization)
		}
		s.WeightBytes, s.FLOPS = t.bytes, s.Device.FP16
		if s.Model.ExpertBytes == 0 {
			s.ExpertBytes = t.bytes
		}
		if t.rate != nil && t.rate(&s.Device) > 0 {
			s.FLOPS = t.rate(&s.Device)
		}
	}
	if u.CacheDType != "" {
		t, ok := typeNamed(u.CacheDType)
		if !ok {
			return fmt.Errorf("kv_cache_dtype %q is not known", u.CacheDType)
		}
		s.CacheBytes = t.bytes
	}
	if u.FLOPS > 0 {
		s.FLOPS = u.FLOPS
	}
	return nil
}
