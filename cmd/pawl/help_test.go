package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestEveryKeyOfTheConfigIsExplained(t *testing.T) {
	for _, key := range append(flowKeys, configKeys...) {
		assert.Regexp(t, `(?m)\b`+key, configHelp.Long)
	}
}
