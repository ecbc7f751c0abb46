//go:build !linux

package main

// marked finds nothing: only Linux shows the environment of a process.
func marked(string) []orphan { return nil }

func (orphan) terminate() bool { return false }
func (orphan) kill() bool      { return false }

// allZombies cannot be told.
func allZombies(int) bool { return false }

// suspended is not known here.
func suspended(int) bool { return false }
