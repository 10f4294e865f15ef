package page

import (
	"html"
	"strconv"
	"text/template/parse"
)

// fold writes into a tree what its words say in one language: a template calls its
// functions by reflection, and most of what a page is made of is the same sentences each
// time. Sentences with places for values stay calls. Words stand in text and in quoted
// attributes that are no addresses: there their escape is that of HTML.
func (c *catalogue) fold(lang string, list *parse.ListNode) {
	if list == nil {
		return
	}
	out := list.Nodes[:0]
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			if text, ok := c.words(lang, n.Pipe); ok {
				out = text.onto(out, n.Pos)
				continue
			}
			c.foldPipe(lang, n.Pipe)
		case *parse.TextNode:
			out = constant{markup: string(n.Text)}.onto(out, n.Pos)
			continue
		case *parse.IfNode:
			c.foldBranch(lang, &n.BranchNode)
		case *parse.RangeNode:
			c.foldBranch(lang, &n.BranchNode)
		case *parse.WithNode:
			c.foldBranch(lang, &n.BranchNode)
		case *parse.TemplateNode:
			c.foldPipe(lang, n.Pipe)
		}
		out = append(out, n)
	}
	list.Nodes = out
}

func (c *catalogue) foldBranch(lang string, b *parse.BranchNode) {
	c.foldPipe(lang, b.Pipe)
	c.fold(lang, b.List)
	c.fold(lang, b.ElseList)
}

// foldPipe writes words that are arguments.
func (c *catalogue) foldPipe(lang string, p *parse.PipeNode) {
	if p == nil {
		return
	}
	for _, cmd := range p.Cmds {
		for i, arg := range cmd.Args {
			inner, ok := arg.(*parse.PipeNode)
			if !ok {
				continue
			}
			if text, ok := c.words(lang, inner); ok && text.plain {
				cmd.Args[i] = &parse.StringNode{NodeType: parse.NodeString, Pos: inner.Pos, Quoted: strconv.Quote(text.sentence), Text: text.sentence}
				continue
			}
			c.foldPipe(lang, inner)
		}
	}
}

// constant is a sentence, plain text or markup.
type constant struct {
	sentence string
	plain    bool
	markup   string
}

// onto adds the markup to nodes, to the text that ends them where there is one.
func (t constant) onto(nodes []parse.Node, pos parse.Pos) []parse.Node {
	if n := len(nodes); n > 0 {
		if before, ok := nodes[n-1].(*parse.TextNode); ok {
			nodes[n-1] = &parse.TextNode{NodeType: parse.NodeText, Pos: before.Pos, Text: append(before.Text[:len(before.Text):len(before.Text)], t.markup...)}
			return nodes
		}
	}
	return append(nodes, &parse.TextNode{NodeType: parse.NodeText, Pos: pos, Text: []byte(t.markup)})
}

// words is what {{t "key"}} or {{say "key"}} always says.
func (c *catalogue) words(lang string, p *parse.PipeNode) (constant, bool) {
	if p == nil || len(p.Decl) > 0 || len(p.Cmds) != 1 || len(p.Cmds[0].Args) != 2 {
		return constant{}, false
	}
	function, named := p.Cmds[0].Args[0].(*parse.IdentifierNode)
	key, fixed := p.Cmds[0].Args[1].(*parse.StringNode)
	if !named || !fixed || function.Ident != "t" && function.Ident != "say" {
		return constant{}, false
	}
	m := c.keys[lang][key.Text]
	if m == nil {
		return constant{}, false // fails when the page is made
	}
	text, whole := filled(m.Other, nil)
	if !whole {
		return constant{}, false
	}
	if function.Ident == "say" {
		return constant{sentence: text, markup: text}, true
	}
	return constant{sentence: text, plain: true, markup: html.EscapeString(text)}, true
}
