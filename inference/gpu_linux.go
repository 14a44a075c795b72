package inference

import (
	"errors"
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// nvidia reads NVIDIA's GPUs through the library of their driver.
type nvidia struct{ devices []nvml.Device }

// openGPUs fails when there is no library or no GPU.
func openGPUs() (gpuSource, error) {
	if code := nvml.Init(); code != nvml.SUCCESS {
		return nil, fmt.Errorf("NVML: %s", nvml.ErrorString(code))
	}
	n, code := nvml.DeviceGetCount()
	var source nvidia
	for i := range n {
		if device, code := nvml.DeviceGetHandleByIndex(i); code == nvml.SUCCESS {
			source.devices = append(source.devices, device)
		}
	}
	if len(source.devices) == 0 {
		return nil, errors.Join(fmt.Errorf("NVML: no GPU can be read: %s", nvml.ErrorString(code)), source.close())
	}
	return source, nil
}

func (nvidia) close() error {
	if code := nvml.Shutdown(); code != nvml.SUCCESS {
		return fmt.Errorf("NVML: %s", nvml.ErrorString(code))
	}
	return nil
}

func (n nvidia) read() (list []gpuReading) {
	for _, device := range n.devices {
		r := gpuReading{
			utilization: -1, memoryUsed: -1, memoryLimit: -1, pcieReceived: -1, pcieSent: -1, smClock: -1, memoryClock: -1, power: -1,
		}
		if id, code := device.GetUUID(); code == nvml.SUCCESS {
			r.id = id
		}
		if name, code := device.GetName(); code == nvml.SUCCESS {
			r.name = name
		}
		if use, code := device.GetUtilizationRates(); code == nvml.SUCCESS {
			r.utilization = float64(use.Gpu) / 100
		}
		if memory, code := device.GetMemoryInfo(); code == nvml.SUCCESS {
			r.memoryUsed, r.memoryLimit = int64(memory.Used), int64(memory.Total)
		}
		if kilobytes, code := device.GetPcieThroughput(nvml.PCIE_UTIL_RX_BYTES); code == nvml.SUCCESS {
			r.pcieReceived = int64(kilobytes) * 1024
		}
		if kilobytes, code := device.GetPcieThroughput(nvml.PCIE_UTIL_TX_BYTES); code == nvml.SUCCESS {
			r.pcieSent = int64(kilobytes) * 1024
		}
		if megahertz, code := device.GetClockInfo(nvml.CLOCK_SM); code == nvml.SUCCESS {
			r.smClock = int64(megahertz) * 1e6
		}
		if megahertz, code := device.GetClockInfo(nvml.CLOCK_MEM); code == nvml.SUCCESS {
			r.memoryClock = int64(megahertz) * 1e6
		}
		if milliwatts, code := device.GetPowerUsage(); code == nvml.SUCCESS {
			r.power = float64(milliwatts) / 1000
		}
		list = append(list, r)
	}
	return list
}
