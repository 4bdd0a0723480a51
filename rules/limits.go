package rules

import (
	"math"
	"strconv"
	"strings"
)

// Limits bound what the processes of one attempt may take together. What is 0
// is not bounded.
type Limits struct {
	Memory    int64   `json:"memory,omitempty"`    // bytes
	CPU       float64 `json:"cpu,omitempty"`       // processors: 1.5 is one and a half
	Processes int     `json:"processes,omitempty"` // with their threads
}

// The kernel counts a hundredth of a processor and more; nobody has as many as
// the most.
const leastCPU, mostCPU = 0.01, 10000

// processors reads a number of processors, 0.5 or 2, or a share of one: 50% or
// 200%.
func (n node) processors() float64 {
	s, ok := n.scalar()
	if !ok {
		return 0
	}
	digits, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if percent {
		v /= 100
	}
	if err != nil || math.IsNaN(v) || v < leastCPU || v > mostCPU {
		n.problem("%q is not a number of processors; write 0.5, 2 or 150%%, at least %v", s, leastCPU)
		return 0
	}
	return v
}

// A Demand is what a rule wants of the machine that it may not have.
type Demand struct {
	Hook, Rule string
	User       string
	Limits     Limits
}

// Demands lists those of all rules, in order of the hooks' paths.
func (s *Set) Demands() []Demand {
	var list []Demand
	for _, h := range s.All() {
		for _, r := range h.rules {
			if r.user != "" || r.limits != (Limits{}) {
				list = append(list, Demand{Hook: h.Path, Rule: r.name, User: r.user, Limits: r.limits})
			}
		}
	}
	return list
}
