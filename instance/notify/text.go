package notify

import (
	"strings"

	"valise/models"
)

// text is a mail in one language. {host} and {url} are filled in; url stands alone in its
// line, so that text from right to left does not turn it round.
type text struct{ subject, body string }

var noticeText = map[string]text{
	"en": {"Something waits for you at {host}", `Something waits for you at {host}. Sign in to see it:

{url}

This mail does not say what it is. You get at most one an hour; you can
turn them off on your profile page.
`},
	"fr": {"Quelque chose vous attend sur {host}", `Quelque chose vous attend sur {host}. Connectez-vous pour en prendre connaissance :

{url}

Ce message ne dit pas de quoi il s'agit. Vous en recevez un par heure au
plus ; vous pouvez les désactiver sur la page de votre profil.
`},
	"ar": {"لديك ما ينتظرك على {host}", `لديك ما ينتظرك على {host}. سجّل الدخول للاطلاع عليه:

{url}

لا تذكر هذه الرسالة ماهيته. تصلك رسالة واحدة في الساعة على الأكثر،
ويمكنك إيقافها من صفحة ملفك الشخصي.
`},
}

var addressText = map[string]text{
	"en": {"Is this your address? {host} asks", `Somebody who is signed in at {host} gave this address for notifications.
If it was you, open this link within 24 hours:

{url}

If it was not, do nothing: no more mails will come.
`},
	"fr": {"Est-ce votre adresse ? {host} vous le demande", `Une personne connectée sur {host} a indiqué cette adresse pour ses notifications.
Si c'est vous, ouvrez ce lien dans les 24 heures :

{url}

Sinon, ne faites rien : vous ne recevrez pas d'autre message.
`},
	"ar": {"هل هذا عنوانك؟ سؤال من {host}", `ذكر شخص سجّل الدخول على {host} هذا العنوان لتلقي الإشعارات.
إن كنت أنت، فافتح هذا الرابط خلال 24 ساعة:

{url}

وإلا فلا تفعل شيئًا: لن تصلك رسائل أخرى.
`},
}

// letter is one mail, ready to be sent.
type letter struct{ to, language, subject, body string }

// write fills a text in the person's language, English where she has chosen none.
func (n *Notify) write(texts map[string]text, p *models.Preferences, url string) *letter {
	language := p.Language
	if _, ok := texts[language]; !ok {
		language = "en"
	}
	fill := strings.NewReplacer("{host}", string(n.Own), "{url}", url)
	return &letter{to: p.Email, language: language, subject: fill.Replace(texts[language].subject), body: fill.Replace(texts[language].body)}
}
