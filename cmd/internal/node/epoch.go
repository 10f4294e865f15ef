package node

import (
	"context"
	"fmt"
	"time"

	"valise/models"
)

// epochEvery is how soon this process sees a change of peers, policy or keys that another
// one on the same PostgreSQL database has made.
const epochEvery = time.Second

// watchEpoch looks for the changes of other processes until ctx ends.
func (n *Node) watchEpoch(ctx context.Context) {
	for n.Store.Postgres() && ctx.Err() == nil {
		if err := n.seeChanges(ctx); err != nil && ctx.Err() == nil {
			n.Log.Warn("it is not known whether another process has changed the policy or a key", "err", err)
		}
		wait(ctx, nil, epochEvery)
	}
}

// seeChanges drops what this process keeps in memory of peers, policy and keys if the
// database has counted a change since it last looked.
func (n *Node) seeChanges(ctx context.Context) error {
	epoch, err := models.ConfigEpoch(ctx, n.Store.R)
	if err != nil {
		return fmt.Errorf("read the config epoch: %w", err)
	}
	if n.epoch.Swap(epoch) == epoch {
		return nil
	}
	n.Keyring.Forget()
	n.Serve.Forget()
	n.Courier.ForgetBodies()
	n.forget()
	return nil
}
