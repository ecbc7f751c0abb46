package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// A supervisor is a service manager, such as systemd, that wants to be told how the
// daemon is: datagrams to the socket that NOTIFY_SOCKET names. The zero supervisor is
// none.
type supervisor struct {
	socket string
	every  time.Duration // how often it wants a sign of life; 0: never
}

// findSupervisor reads what a supervisor has put into the environment, and takes it out:
// it is not meant for commands.
func findSupervisor() (s supervisor) {
	s.socket = os.Getenv("NOTIFY_SOCKET")
	micros, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	pid := os.Getenv("WATCHDOG_PID")
	if err == nil && micros > 0 && (pid == "" || pid == fmt.Sprint(os.Getpid())) {
		s.every = time.Duration(micros) * time.Microsecond / 2
	}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		os.Unsetenv(name)
	}
	return s
}

// tell sends a message. Nobody who listens is no error.
func (s supervisor) tell(message string) {
	if s.socket == "" {
		return
	}
	c, err := net.Dial("unixgram", s.socket)
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.Write([]byte(message))
}

// ticks are when it wants a sign of life; nil: never.
func (s supervisor) ticks() (ticks <-chan time.Time, stop func()) {
	if s.socket == "" || s.every <= 0 {
		return nil, func() {}
	}
	t := time.NewTicker(s.every)
	return t.C, t.Stop
}
