package main

// node is a schema, or a part of one.
type node map[string]any

func (n node) says(text string) node {
	n["description"] = text
	return n
}

func textNode() node { return node{"type": "string"} }

func wordNode(words ...string) node { return node{"enum": words} }

func truthNode() node { return node{"type": "boolean"} }

func countNode(least int) node { return node{"type": "integer", "minimum": least} }

func numberNode() node { return node{"type": "number", "minimum": 0} }

func anyOf(nodes ...node) node { return node{"anyOf": nodes} }

func durationNode() node {
	return node{"type": []string{"string", "integer"}, "pattern": `^(\d+(\.\d+)?w)?(\d+(\.\d+)?d)?([\d.].*)?$`, "examples": []string{"90s", "10m", "1h30m", "2d", "1w"}}
}

func objectNode(properties node) node {
	return node{"type": "object", "properties": properties, "additionalProperties": false, "patternProperties": node{"^<<$": node{}}}
}

func configSchema() node {
	flow := objectNode(flowNodes())
	flow["allOf"] = []node{needsOne("every", "cron", "once", "manual"), needsOne("run", "shell")}
	top := objectNode(node{
		"defaults":      objectNode(settingNodes()).says("what flows have that do not say otherwise"),
		"flows":         node{"type": "object", "minProperties": 1, "additionalProperties": flow},
		"db":            textNode().says("where the database is, from the folder of the config"),
		"max_running":   countNode(1).says("how many commands run at once"),
		"isolation":     durationNode().says("how long a command waits at most because it may be the one that crashes the daemon"),
		"groups":        node{"type": "object", "additionalProperties": countNode(1)}.says("how many commands of a group run at once"),
		"clock_trusted": truthNode().says("believe the clock at each start, also when it is more than three hours behind the database"),
		"restore_guard": truthNode().says("run nothing on a database that was copied or restored until it is claimed"),
		"notify": objectNode(node{
			"webhook": node{"type": "string", "format": "uri"},
			"on":      anyOf(wordNode(noticeable...), node{"type": "array", "items": wordNode(noticeable...)}),
		}).says("who is notified of failures"),
	})
	top["patternProperties"] = node{"^x-": node{}}
	top["required"] = []string{"flows"}
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "pawl.yaml"
	return top
}

// needsOne wants exactly one of some keys. A merge key may bring it.
func needsOne(keys ...string) node {
	var one []node
	for _, k := range keys {
		one = append(one, node{"required": []string{k}})
	}
	return anyOf(node{"oneOf": one}, node{"required": []string{"<<"}})
}

func flowNodes() node {
	nodes := settingNodes()
	for key, n := range map[string]node{
		"every":      durationNode().says("an interval, from the end of a run to the next"),
		"cron":       textNode().says("an expression of five fields, or six with seconds first; also L, LW, 15W, FRI#2, FRIL, FRI-MON and H"),
		"once":       textNode().says("one instant: 2027-01-01T09:00:00Z, or 2027-01-01 09:00 in the zone"),
		"manual":     node{"const": true}.says("it runs when it is triggered"),
		"run":        node{"type": "array", "minItems": 1, "items": node{"type": []string{"string", "number", "boolean"}}}.says("the program and its arguments"),
		"shell":      textNode().says("a line for sh -c"),
		"fixed_rate": truthNode().says("due at whole intervals from between.start, or else from its first registration"),
		"aligned":    truthNode().says("due at whole intervals from the beginning of 1970 in UTC"),
		"between":    objectNode(node{"start": textNode(), "end": textNode()}).says("the schedule has no other instants; a date is the whole day in the zone of the flow"),
		"limit":      countNode(1).says("the schedule ends when so many of its instants were run"),
		"group":      textNode().says("shares the limit that groups gives the name"),
		"former_id":  textNode().says("what the flow was called before"),
	} {
		nodes[key] = n
	}
	return nodes
}

func settingNodes() node {
	delays := func(more node) node {
		n := node{"initial": durationNode(), "multiplier": numberNode(), "jitter": numberNode()}
		for key, value := range more {
			n[key] = value
		}
		return objectNode(n)
	}
	dst := wordNode("gap_skip", "fold_second", "fold_both")
	return node{
		"grace":           durationNode().says("from SIGTERM to SIGKILL"),
		"dir":             textNode().says("the working directory"),
		"env":             node{"type": "object", "additionalProperties": node{"type": []string{"string", "number", "boolean"}}}.says("variables to add"),
		"orphans":         wordNode(orphanPolicies...).says("what to do with a command that outlived a daemon that was killed"),
		"zone":            textNode().says("the time zone, as in Europe/Berlin"),
		"dst":             anyOf(dst, node{"type": "array", "items": dst}).says("where clocks are changed"),
		"jitter":          durationNode().says("delays each start of the schedule by less than this"),
		"overlap":         textNode().says("what a start does while a run is under way: skip, buffer 10, cancel, or allow 5, buffer 100"),
		"catch_up":        textNode().says("what is run of the instants that passed while no daemon ran: latest, earliest, all 100, none"),
		"catch_up_within": durationNode().says("what is older is not caught up on"),
		"timeout":         durationNode().says("ends a run, with all its attempts, that takes longer"),
		"attempt_timeout": durationNode().says("ends an attempt that takes longer; the next one follows, if retry leaves any"),
		"retry":           anyOf(wordNode("none"), delays(node{"max": countNode(1), "max_delay": durationNode()})).says("tries a run that failed again"),
		"stop_cancels":    truthNode().says("cancels a run that a stop of the daemon cut short, rather than starting it again"),
		"backoff":         anyOf(wordNode("none"), delays(node{"max": durationNode(), "trip": countNode(0)})).says("how failures in a row slow the flow down"),
		"key_window":      durationNode().says("how long a key stands for a run that is over"),
		"retention": anyOf(wordNode("all"), objectNode(node{"runs": countNode(0), "age": durationNode(),
			"failures": anyOf(wordNode("all", "none"), objectNode(node{"runs": countNode(0), "age": durationNode()})).says("how many failures are kept beyond that")})).says("how much of the history is kept"),
	}
}
