package formula

var frenchForms = map[Form][]string{
	"cable": {
		"Résumé : [les faits et leur portée, en trois phrases].",
		"[Compte rendu : propos tenus, par qui, quand et où.]",
		"Commentaire : [appréciation propre du poste, distincte du compte rendu].",
		"Suites demandées : [ce qui est attendu du destinataire, et dans quel délai].",
	},
	"noteVerbale": {
		"{Office} présente ses compliments {to} et a l’honneur de [porter à sa connaissance ce qui suit].",
		"[Objet de la note, à la troisième personne.]",
		"{Office} saisit cette occasion pour renouveler {to} les assurances de sa très haute considération.",
	},
	"circularNote": {
		"{Office} présente ses compliments à toutes les Missions diplomatiques et Représentations d’organisations internationales accréditées auprès de [État] et a l’honneur de porter à leur connaissance ce qui suit.",
		"[Objet de la note, à la troisième personne.]",
		"{Office} saisit cette occasion pour renouveler à toutes les Missions diplomatiques et Représentations d’organisations internationales les assurances de sa très haute considération.",
	},
	"aideMemoire": {
		"Lors de l’entretien qui s’est tenu le [date] à [lieu] entre [noms et fonctions], {office} a fait valoir les éléments suivants.",
		"[Premier point, à la troisième personne.]",
		"[Deuxième point.]",
		"Le présent aide-mémoire est remis à l’issue de l’entretien pour en consigner la teneur.",
		"[Lieu, date]",
	},
	"nonPaper": {
		"Contexte : [la question et l’état où elle se trouve].",
		"Éléments de réflexion : [ce qui plaide pour la proposition, et ce dont il faut tenir compte].",
		"Piste envisageable : [la proposition, sans attribution].",
		"Ce document est soumis à titre de base de discussion. Il n’engage personne et ne préjuge d’aucune position.",
	},
	"demarcheInstruction": {
		"Instruction : il est demandé au poste d’effectuer, dans les meilleurs délais et au plus tard le [date], une démarche auprès [du gouvernement hôte, au niveau approprié] et d’y exposer les éléments du paragraphe 3.",
		"Objectif : [ce que la démarche doit permettre d’obtenir].",
		"Éléments de langage :\n\n- [Premier élément.]\n- [Deuxième élément.]\n- [Troisième élément.]",
		"Contexte, réservé au poste et à ne pas remettre : [contexte].",
		"Les éléments peuvent être laissés sous la forme [d’un non-papier]. Le poste rendra compte de la démarche et de toute réaction en se référant à la présente dépêche.",
	},
	"demarcheDelivery": {
		"La démarche citée en référence a été effectuée le [date] auprès de [nom et fonction de l’interlocuteur], [ministère]. [Accompagnement.]",
		"Tous les éléments ont été exposés conformément aux instructions. [Un non-papier a été remis.]",
		"Première réponse de l’interlocuteur : [réponse]. La réaction du gouvernement fera l’objet d’une dépêche distincte.",
	},
	"demarcheReaction": {
		"Le [date], [nom et fonction de l’interlocuteur] a fait part de la réaction suivante à la démarche citée en référence.",
		"[Réaction, point par point.]",
		"Commentaire : [appréciation du poste].",
		"Suites proposées : [propositions du poste].",
	},
}
