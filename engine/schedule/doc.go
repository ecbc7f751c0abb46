// Package schedule says at which instants a flow is due. It is pure: it reads no clock, keeps
// no state and imports nothing of the engine.
package schedule
