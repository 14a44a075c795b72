package roofline

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var deviceWords = regexp.MustCompile(`[a-z0-9]+`)

// The words of device names that tell nothing apart.
var deviceNoise = []string{"nvidia", "amd", "intel", "apple", "google", "instinct", "tesla", "geforce", "graphics", "generation", "gpu",
	"accelerator", "oam", "tensor", "core", "hbm2", "hbm2e", "hbm3e", "habana", "cloud"}

var sxmVersion = regexp.MustCompile(`^sxm\d$`)

var gigabytes = regexp.MustCompile(`^(\d+)(gb|g|gib)$`)

// wordsOf returns the words of a device's name that tell it from others.
func wordsOf(name string) []string {
	var words []string
	for _, w := range deviceWords.FindAllString(strings.ToLower(name), -1) {
		if sxmVersion.MatchString(w) {
			w = "sxm"
		}
		if m := gigabytes.FindStringSubmatch(w); m != nil {
			w = m[1]
		}
		if !slices.Contains(deviceNoise, w) {
			words = append(words, w)
		}
	}
	return words
}

// LookupDevice finds a device by the name that a datasheet, a person or NVML ("NVIDIA H100 80GB HBM3") gives it. A name
// that fits several, such as H100, is an error that lists them; so is a slice of a device (MIG, vGPU).
func LookupDevice(name string) (Device, error) {
	words := wordsOf(name)
	best, bestSize := -1, 0
	var fits []string
	for i := range Devices {
		d := &Devices[i]
		for _, alias := range append([]string{d.Name}, d.Aliases...) {
			has := wordsOf(alias)
			switch {
			case contains(words, has) && onlySizes(words, has):
				if len(has) > bestSize {
					best, bestSize = i, len(has)
				}
			case len(words) > 0 && contains(has, words) && !slices.Contains(fits, d.Name):
				fits = append(fits, d.Name)
			}
		}
	}
	switch {
	case best >= 0:
		return Devices[best], nil
	case len(fits) > 0:
		return Device{}, fmt.Errorf("device %q can be one of %s", name, strings.Join(fits, ", "))
	}
	return Device{}, fmt.Errorf("device %q is in no table", name)
}

func contains(all, some []string) bool {
	return !slices.ContainsFunc(some, func(w string) bool { return !slices.Contains(all, w) })
}

// onlySizes reports whether words says nothing beside has but sizes of memory and the bus of a card.
func onlySizes(words, has []string) bool {
	return !slices.ContainsFunc(words, func(w string) bool {
		_, err := strconv.Atoi(w)
		return err != nil && w != "hbm3" && w != "pcie" && !slices.Contains(has, w)
	})
}

var modelWords = regexp.MustCompile(`[a-z]*[0-9]+(?:\.[0-9]+)*[a-z]*(?:[0-9]+[a-z]*)*|[a-z]+`)

// The words of model names that leave the architecture as it is.
var modelNoise = []string{"instruct", "chat", "hf", "it", "pt", "base", "meta", "turbo", "thinking", "latest", "gguf", "ggml", "exl2", "mlx", "text",
	"coder", "math", "python", "hermes", "dynamic", "static", "pertensor", "unsloth", "sharded", "g128", "gs128", "128g", "quantized", "qat"}

var (
	versionWord = regexp.MustCompile(`^v\d+(\.\d+)*$|^\d{4}$`)
	// A word that says how weights are quantized; GGUF's types hold underscores, which words do not.
	quantizedName = regexp.MustCompile(`(?i)(?:^|[-_:./])(awq|gptq|fp8|int8|int4|w8a8|w8a16|w4a16|nvfp4|mxfp4|bnb|nf4|bf16|fp16|f16|q[2-8]_(?:k(?:_[sml])?|0)|4bit|8bit)(?:$|[-_:./])`)
)

// quantizationIn returns how a model's name says that its weights are kept; empty if it does not.
func quantizationIn(name string) string {
	if m := quantizedName.FindStringSubmatch(name); m != nil {
		return strings.ToLower(m[1])
	}
	return ""
}

// modelKey returns what of a model's name says its architecture. Without versions, releases of one architecture agree.
func modelKey(name string, versions bool) string {
	name = name[strings.LastIndexByte(name, '/')+1:]
	for quantizedName.MatchString(name) { // each match shares its separators with the next
		name = quantizedName.ReplaceAllString(name, "-")
	}
	var key strings.Builder
	for _, w := range modelWords.FindAllString(strings.ToLower(name), -1) {
		if !slices.Contains(modelNoise, w) && (versions || !versionWord.MatchString(w)) {
			key.WriteString(w)
		}
	}
	return key.String()
}

// LookupModel finds a model by its id on Hugging Face, a repository of its quantized weights, or an Ollama tag.
func LookupModel(name string) (Model, error) {
	for _, versions := range []bool{true, false} {
		key := modelKey(name, versions)
		if key == "" {
			break
		}
		for i := range Models {
			m := &Models[i]
			for _, alias := range append([]string{m.Name}, m.Aliases...) {
				// A version that a person left out is not guessed: their name must be that of an alias as it stands.
				if modelKey(alias, true) == key || !versions && modelKey(alias, false) == key && len(m.Aliases) == 0 && m.Window == 0 {
					return *m, nil
				}
			}
		}
	}
	return Model{}, fmt.Errorf("model %q is in no table", name)
}
