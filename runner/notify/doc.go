// Package notify TELLS PEOPLE: it performs the runs whose command is a
// notification.
//
// [Performer.Perform] finds the place by its name in the configuration of now,
// makes one message of what happened (message.go, headline.go), and has it
// written in the manner of the service: one file a channel, as discord.go. What
// comes from outside (a commit message, a log, the text of a rule with values in
// it) is plain text until there: clean.go takes out what is no text, cut.go keeps
// to lengths, and each channel escapes what its service would take for markup or
// for a call to everybody. No channel posts by itself: it makes a request, and
// request.go sends it and says what the answer means. E-mail (mail.go) and the
// services behind shoutrrr's URLs (shoutrrr.go) have senders of their own.
//
// It never retries. It says whether another attempt may help and when, and while
// a place asked to be left alone, it lets the next ones for that place wait
// (patience.go).
package notify
