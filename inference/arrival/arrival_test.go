package arrival

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const second = int64(time.Second)

func take(p Process, seed uint64, n int) []int64 {
	var list []int64
	for at := range p(rand.New(rand.NewPCG(seed, 0))) {
		if list = append(list, at); len(list) == n {
			break
		}
	}
	return list
}

func within(p Process, seed uint64, from, until int64) (n int) {
	for at := range p(rand.New(rand.NewPCG(seed, 0))) {
		if at >= until {
			break
		}
		if at >= from {
			n++
		}
	}
	return n
}

var processes = map[string]Process{
	"constant": Constant(20),
	"poisson":  Poisson(20),
	"bursty":   Gamma(20, 0.2),
	"even":     Gamma(20, 4),
	"ramp":     Ramp(10, 20, 60*second),
	"diurnal":  Diurnal(20, 0.8, 120*second),
	"bursts":   Bursts(20, 40, 30*second, second),
}

func TestArrivalsAscendAndFollowTheSeed(t *testing.T) {
	for name, p := range processes {
		list := take(p, 3, 5000)
		if !slices.IsSorted(list) {
			t.Errorf("%s: times go back", name)
		}
		if !slices.Equal(list, take(p, 3, 5000)) {
			t.Errorf("%s: one seed gave two plans", name)
		}
		if name != "constant" && slices.Equal(list, take(p, 4, 5000)) {
			t.Errorf("%s: two seeds gave one plan", name)
		}
	}
}

func TestGapsHaveTheRateAndVariationAskedFor(t *testing.T) {
	for name, test := range map[string]struct {
		process  Process
		variance float64 // coefficient of variation of the gaps, squared
	}{
		"constant":      {Constant(20), 0},
		"poisson":       {Poisson(20), 1},
		"gamma 0.2":     {Gamma(20, 0.2), 5},
		"gamma 1":       {Gamma(20, 1), 1},
		"gamma 4":       {Gamma(20, 4), 0.25},
		"ramp, when up": {Ramp(20, 20, second), 1},
	} {
		const n = 200_000
		list := take(test.process, 7, n)
		mean := float64(list[n-1]) / n
		var squares float64
		for i, at := range list {
			gap := float64(at)
			if i > 0 {
				gap -= float64(list[i-1])
			}
			squares += (gap - mean) * (gap - mean)
		}
		variance := squares / n / mean / mean
		if math.Abs(mean*20/1e9-1) > 0.02 || math.Abs(variance-test.variance) > 0.03*max(1, test.variance) {
			t.Errorf("%s: mean gap %.4f of 1/rate, squared variation %.3f, want 1 and %.2f", name, mean*20/1e9, variance, test.variance)
		}
	}
}

func TestVaryingRatesAreWhereTheyShouldBe(t *testing.T) {
	ramp := Ramp(10, 100, 100*second)
	early, late := within(ramp, 1, 0, 20*second), within(ramp, 1, 80*second, 100*second)
	if math.Abs(float64(early)-20*19) > 60 || math.Abs(float64(late)-20*91) > 130 {
		t.Errorf("ramp: %d and %d arrivals in its first and last fifth, want about 380 and 1820", early, late)
	}
	day := Diurnal(50, 0.8, 100*second)
	trough, peak := within(day, 1, 0, 10*second), within(day, 1, 45*second, 55*second)
	if trough > 200 || peak < 800 {
		t.Errorf("diurnal: %d arrivals in the trough and %d at the peak", trough, peak)
	}
	calm, burst := within(Bursts(5, 200, 60*second, second), 1, 50*second, 51*second), within(Bursts(5, 200, 60*second, second), 1, 60*second, 61*second)
	if calm > 20 || burst < 200 {
		t.Errorf("bursts: %d arrivals in a calm second and %d in a burst of 200", calm, burst)
	}
}

func TestReadCSV(t *testing.T) {
	got, err := ReadCSV(strings.NewReader("TIMESTAMP,ContextTokens,GeneratedTokens\n" +
		"2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8\n"))
	want := []Planned{{0, 4808, 10}, {52_000_000, 3180, 8}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	got, err = ReadCSV(strings.NewReader("at,in,out\n1.5,1,2\n2,3,4\n"))
	if want = []Planned{{0, 1, 2}, {second / 2, 3, 4}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestReadCSVNamesTheLine(t *testing.T) {
	for content, want := range map[string]string{
		"":                                 "it is empty",
		"a,b,c\n":                          "no request",
		"a,b,c\n1,2\n":                     "wrong number of fields",
		"a,b,c\n1,2,3\nsoon,2,3\n":         `line 3: arrival "soon"`,
		"a,b,c\n1,0,3\n":                   `line 2: "0" prompt tokens`,
		"a,b,c\n1,2,many\n":                `line 2: "many" output tokens`,
		"a,b,c\n2,2,2\n1,2,2\n":            "line 3: it arrives before",
		"a,b,c\nNaN,2,2\n":                 `line 2: arrival "NaN"`,
		"a,b,c\n1e300,2,2\n":               "want 0 to",
		"a,b,c\n0001-01-01 00:00:00,2,2\n": "want a year",
	} {
		if _, err := ReadCSV(strings.NewReader(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one with %q", content, err, want)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n")
	f.Add("a,b,c\n1,2,3\n2,3,4\n")
	f.Add("a,b,c\n\"1\n")
	f.Fuzz(func(t *testing.T, content string) {
		list, err := ReadCSV(strings.NewReader(content))
		if (err == nil) == (len(list) == 0) {
			t.Fatalf("%d requests with error %v", len(list), err)
		}
		if !slices.IsSortedFunc(list, func(a, b Planned) int { return int(a.At - b.At) }) || len(list) > 0 && list[0].At != 0 {
			t.Fatalf("arrivals %v", list)
		}
	})
}

func TestConformanceAzureLoads(t *testing.T) {
	shared := os.Getenv("SLOWTOKEN_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	for name, want := range map[string]int{"azure_conv.csv": 19366, "azure_code.csv": 8819} {
		file, err := os.Open(filepath.Join(shared, "data", name))
		if err != nil {
			t.Skipf("no recorded loads: %v", err)
		}
		defer file.Close()
		list, err := ReadCSV(file)
		if err != nil || len(list) < want-1 || len(list) > want {
			t.Errorf("%s: %d requests, %v; want %d", name, len(list), err, want)
		}
	}
}
