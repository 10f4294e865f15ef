// Package peers emulates how software that is not ours receives: Mastodon (as of 4.4)
// and GoToSocial (October 2025). Each server is an http.Handler for cluster.Foreign
// with accounts, keys and a timeline that tests inspect. It holds the rules that our
// membership and our bulletins depend on, and nothing else of that software.
//
// Each rule is one small function, named in the first column. Sources are those of
// PROTOCOL: [C] read in the software's code, [S] in its documentation, [T] measured on a
// running server, [U] not verified: the strictest reading.
//
//	Rule                     Software    What it says                                                     Source
//	verify                   both        draft-cavage, RSA, digest of the body; RFC 9421 is 401           §2 [C][T]
//	firstKey                 both        of the signer's actor, only the first publicKey counts           §1, §2 [C][T]
//	keepsKey                 GoToSocial  a key once seen stays until an Update signed with it             §1.1 [T]
//	actorUpdated             both        an Update signed with the known key brings the next one          §1.1 [C][T]
//	rekeyed                  Mastodon    a key found changed without one: it unfollows and follows anew   §1.1 [C]
//	fresh                    Mastodon    a Date older than 12 h, or an hour ahead, is 401                 §2 [C]
//	confirmHandle            Mastodon    an actor needs a preferredUsername that WebFinger confirms       §1 [C]
//	needsSignature           GoToSocial  actors are shown to signed requests, key ids to all              §2 [T]
//	understands              both        unknown activity: GoToSocial 500, Mastodon drops it              §4.2, §4.3 [C][T]
//	seenBefore               GoToSocial  an activity id seen at any inbox, relevant or not, is dropped    §4.3 [T]
//	relevant                 both        a post of nobody followed that mentions nobody is dropped        §4.1 [C][T]
//	visibility               both        private exactly where {author}/followers is a recipient          §4.1 [C][T]
//	needsMention             GoToSocial  a direct note without a Mention tag is dropped                   §4.2 [T]
//	silentMention            Mastodon    without the tag it is "limited", no private mention              §4.1 [C]
//	announced                both        Announce{Create} is fetched, never shown                         §4.1 [C][T]
//	createAgain              GoToSocial  a Create of an object that is here changes nothing               §4.3 [T]
//	refusesGone              Mastodon    the id of a deleted post is refused for ever                     §5 [C]
//	forgetsGone              GoToSocial  no tombstone: a Create after the Delete revives the text         §5 [T]
//	hidesOrphan              GoToSocial  a reply to what is not here is kept out of home timelines        §4.3 [T]
//	repeatsPublished         GoToSocial  an Update with another published is ignored, with 202            §5 [T]
//	showsEdit                both        without a later updated no edit is shown (Mastodon: not applied) §5 [C][T]
//	editsNotes               Mastodon    only Notes are edited (Articles from 4.5 on)                     §5 [C][S]
//	unknownEdited            both        an Update of what is not here is ignored                         [U]
//	rejected                 both        Reject{Follow}: Mastodon ends the follow, GoToSocial keeps it    §4.2 [C][T]
//	erasesRejected           GoToSocial  Reject of a note's id erases that note                           §4.3 [T]
//	blocked                  both        Block ends the follow and hides the author                       §4.2 [C][T]
//	unblocked                both        Undo lifts it only with the Block embedded                       §4.2 [T]
//	finalAnswer              both        GoToSocial gives up at 401, Mastodon tries again                 §8 [C][T]
//	triesMost                both        GoToSocial tries five times, Mastodon sixteen                    §8 [C][T]
//	sharedInbox              Mastodon    offers one; GoToSocial offers none                               §2 [T]
package peers
