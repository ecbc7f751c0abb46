package pawl_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Observability: an embedding program does not link what it does not use, nor the SDK of
// OpenTelemetry, which is its own to choose.
func TestProgramsLinkNoMetricsThatTheyDoNotUse(t *testing.T) {
	for pkg, banned := range map[string][]string{
		".":          {"prometheus", "opentelemetry", "protobuf"},
		"./web":      {"prometheus", "opentelemetry", "protobuf"},
		"./cmd/pawl": {"opentelemetry"},
		"./pawlprom": {"opentelemetry"},
		"./pawlotel": {"prometheus", "opentelemetry.io/otel/sdk", "protobuf"},
	} {
		deps := strings.Fields(run(t, "", "go", "list", "-deps", pkg))
		assert.Greater(t, len(deps), 30)
		for _, dep := range deps {
			for _, name := range banned {
				assert.NotContains(t, dep, name, pkg)
			}
		}
	}
}
