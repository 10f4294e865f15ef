package formula

var englishForms = map[Form][]string{
	"cable": {
		"Summary: [what happened and why it matters, in three sentences].",
		"[Report: who said what, when and where.]",
		"Comment: [the post’s own assessment, kept apart from the report].",
		"Action requested: [what the addressee is asked to do, and by when].",
	},
	"noteVerbale": {
		"{Office} presents its compliments to {to} and has the honour to [inform it of the following matter].",
		"[Substance of the note, in the third person.]",
		"{Office} avails itself of this opportunity to renew to {to} the assurances of its highest consideration.",
	},
	"circularNote": {
		"{Office} presents its compliments to all Diplomatic Missions and Representations of International Organisations accredited to [State] and has the honour to inform them of the following.",
		"[Substance of the note, in the third person.]",
		"{Office} avails itself of this opportunity to renew to all Diplomatic Missions and Representations of International Organisations the assurances of its highest consideration.",
	},
	"aideMemoire": {
		"At the meeting held on [date] in [place] between [persons and functions], the following points were made on behalf of {office}.",
		"[First point, in the third person.]",
		"[Second point.]",
		"This aide-mémoire is left at the close of the conversation to record its substance.",
		"[Place, date]",
	},
	"nonPaper": {
		"Context: [the question, and how it stands].",
		"Considerations: [what speaks for the proposal, and what must be borne in mind].",
		"Possible way forward: [the proposal, without attribution].",
		"This paper is offered as a basis for discussion. It commits nobody and is without prejudice to any position.",
	},
	"demarcheInstruction": {
		"Action request: the post is instructed to approach [the host Government, at the appropriate level] as soon as possible, and not later than [date], and to make the points in paragraph 3.",
		"Objective: [what the démarche is to bring about].",
		"Points to be made:\n\n- [First point.]\n- [Second point.]\n- [Third point.]",
		"Background, for the post’s own use and not to be handed over: [background].",
		"The points may be left as [a non-paper]. Report delivery, and any reaction, with reference to this dispatch.",
	},
	"demarcheDelivery": {
		"The démarche under reference was carried out on [date] with [name and function of the interlocutor] at [ministry]. [Who accompanied.]",
		"All points were made as instructed. [A non-paper was left.]",
		"The interlocutor’s first response was: [response]. The reaction of the Government will be reported separately.",
	},
	"demarcheReaction": {
		"On [date], [name and function of the interlocutor] conveyed the following reaction to the démarche under reference.",
		"[Reaction, point by point.]",
		"Comment: [the post’s assessment].",
		"Next steps: [what the post proposes].",
	},
}
