package main

// privateFiles has nothing to do: a user's data folder is private on Windows.
func privateFiles() {}
