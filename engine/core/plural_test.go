package core

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNumbersAreWords(t *testing.T) {
	assert.Equal(t, "1 start of flow \"f\" waits, 2 starts of flow \"f\" wait, 1 time", queued(1, "f")+", "+queued(2, "f")+", "+times(1))
}
