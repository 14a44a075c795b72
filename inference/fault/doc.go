// Package fault makes simulated systems slow in known ways. A [Fault] is injected as NAME@INTENSITY into a [Scenario];
// several are joined by a plus. Each has one label, registered here before anybody looks at a result: the rules that
// should name it and the phase that it makes longer.
package fault
