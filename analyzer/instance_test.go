package analyzer

import "testing"

func TestInstanceAndDevice(t *testing.T) {
	text := func(key, value string) Attribute { return Attribute{Key: key, Value: String(value)} }
	rank := Attribute{Key: "dp_rank", Value: Int(3)}
	for _, c := range []struct {
		name             string
		span, resource   Attributes
		instance, device string
	}{
		{name: "nothing"},
		{name: "id", resource: Attributes{text("service.instance.id", "e"), text("host.name", "h"), {Key: "process.pid", Value: Int(7)}}, instance: "e"},
		{name: "process", resource: Attributes{text("host.id", "h"), {Key: "process.pid", Value: Int(7)}}, span: Attributes{rank}, instance: "h/7"},
		{name: "rank", span: Attributes{rank}, resource: Attributes{text("service.name", "s")}, instance: "dp3"},
		{name: "rank without a resource", span: Attributes{rank}, instance: "dp3"},
		{name: "rank of a host", span: Attributes{rank}, resource: Attributes{text("host.name", "h")}, instance: "h/dp3"},
		{name: "uuid", resource: Attributes{text("gpu.uuid", "GPU-1"), text("gpu.id", "0"), text("host.name", "h")}, device: "GPU-1"},
		{name: "hardware", resource: Attributes{text("hw.id", "x"), text("hw.type", "gpu")}, device: "x"},
		{name: "other hardware", resource: Attributes{text("hw.id", "x"), text("hw.type", "disk")}},
		{name: "number of a host", resource: Attributes{{Key: "gpu.index", Value: Int(1)}, text("host.name", "h")}, device: "h/gpu1"},
		{name: "number of no host", resource: Attributes{{Key: "gpu.index", Value: Int(1)}}},
	} {
		s := &Span{Attributes: c.span}
		if c.resource != nil {
			s.Resource = &Resource{Attributes: c.resource}
		}
		if i, d := InstanceOf(s), DeviceOf(s); i != c.instance || d != c.device {
			t.Errorf("%s: instance %q on %q, want %q on %q", c.name, i, d, c.instance, c.device)
		}
	}
}
