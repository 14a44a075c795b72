package analyzer

import "flag"

// update makes golden tests write what they got as what they want.
var update = flag.Bool("update", false, "rewrite golden files")
