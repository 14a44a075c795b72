package inference

import "flag"

var update = flag.Bool("update", false, "write golden files instead of comparing with them")
