package tally

import "runtime/debug"

const module = "github.com/pawl-go/pawl"

// Version is that of Pawl in the program; "unknown" if that was not kept.
func Version() string {
	version := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Path == module {
			version = info.Main.Version
		}
		for _, dep := range info.Deps {
			if dep.Path == module {
				version = dep.Version
			}
		}
	}
	if version == "" {
		return "unknown"
	}
	return version
}
