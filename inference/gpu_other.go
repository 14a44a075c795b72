//go:build !linux

package inference

import "errors"

func openGPUs() (gpuSource, error) { return nil, errors.New("GPUs are read on Linux only") }
