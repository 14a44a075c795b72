// Package rules names causes. A rule is YAML with conditions in CEL over typed, flat variables; what an analysis of a
// population measured is turned into the values of those variables, for each regime of each capacity domain, and every
// rule whose conditions hold there becomes a [Finding].
//
// A reader may follow a rule through the package:
//
//   - variables.go, supply.go: everything that a rule can speak of, what it is computed from, and what would supply it.
//   - catalogue/: the rules that ship with the program, one a file; env.go is the language of their expressions,
//     read.go and read_rule.go read them, load.go checks them against each other and applies what a user changes.
//
// A variable that nobody observed is not zero and not false: it is unknown, and so is every condition that depends on it.
package rules
