package main

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The schema has the keys that the config takes, no more and no fewer.
func TestSchemaHasTheKeysOfTheConfig(t *testing.T) {
	keys := func(n node) []string { return slices.Sorted(maps.Keys(n["properties"].(node))) }
	sorted := func(list []string) []string { return slices.Sorted(slices.Values(list)) }
	top := configSchema()
	assert.Equal(t, slices.DeleteFunc(sorted(configKeys), func(k string) bool { return k == "x-" }), keys(top))
	properties := top["properties"].(node)
	assert.Equal(t, sorted(settingKeys), keys(properties["defaults"].(node)))
	assert.Equal(t, sorted(flowKeys), keys(properties["flows"].(node)["additionalProperties"].(node)))
	settings := settingNodes()
	of := func(key string) []string { return keys(settings[key].(node)["anyOf"].([]node)[1]) }
	assert.Equal(t, sorted(retryKeys), of("retry"))
	assert.Equal(t, sorted(backoffKeys), of("backoff"))
}
