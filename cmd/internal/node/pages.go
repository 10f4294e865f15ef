package node

import "valise/ui/portal"

// pages builds the portal over the services of the node.
func (n *Node) pages() (err error) {
	n.Pages, err = portal.New(portal.Services{Own: n.Own, Version: Version(), Config: n.Config, Log: n.Log, Now: n.Now, Changed: n.Wake,
		Access: n.Access, Accounts: n.Accounts, Accreditation: n.Accreditation, Archive: n.Archive, Checks: n.Checks, Directory: n.Admin.Directory, Drafting: n.Drafting, Guests: n.Guests, Keys: n.Keys, Notify: n.Notify, Queues: n.Admin.Queues, Recent: n.Recent, Search: n.Search, Desk: n.Desk, Communities: n.Communities})
	return err
}
