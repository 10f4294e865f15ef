package main

import (
	"valise/cmd/internal/bench"
	"valise/cmd/internal/demo"
)

// Demo plays the main job on this machine.
type Demo struct {
	Once bool   `help:"Play it, print what was observed, and end."`
	Dir  string `help:"Keep the data here." type:"path"`
}

func (c *Demo) Run(a *app) error {
	return demo.Run(a.ctx, demo.Options{Once: c.Once, JSON: a.json, Dir: c.Dir, Out: a.out})
}

// Bench measures.
type Bench struct {
	Names []string `arg:"" optional:"" name:"name" help:"ingest, fanout, fetch, import, read; without a name, all." enum:"ingest,fanout,fetch,import,read"`
	DB    string   `name:"db" help:"URL of a PostgreSQL server where databases may be created; SQLite in a folder of its own by default." placeholder:"URL"`
	Dir   string   `help:"Keep the instance that read has filled here, and use it again." type:"path"`
	Page  []string `help:"Open these kinds of pages alone in read; * stands for any letters." placeholder:"NAME"`
	N     int      `short:"n" help:"How many; each measure has its own default." placeholder:"N"`
}

func (c *Bench) Run(a *app) error {
	return bench.Run(a.ctx, bench.Options{Names: c.Names, DB: c.DB, N: c.N, Dir: c.Dir, Pages: c.Page, JSON: a.json, Out: a.out})
}
