//! The rules by name. Must not know when they are broken.

model::words! {
    /// A rule that a password may break.
    Rule, "rule" {
        /// It has fewer characters than are asked for.
        LengthMin = "length_min",
        /// It has more characters than are taken.
        LengthMax = "length_max",
        /// It has characters that cannot be typed again for sure: control characters, unassigned ones.
        Characters = "characters",
        /// It has no letters, or no digits.
        LettersAndDigits = "letters_and_digits",
        /// It has nothing but letters and digits.
        Symbol = "symbol",
        /// It is on a list of passwords that are common, or became known in a breach.
        Common = "common",
        /// Without what is known of the customer it would be too short.
        Personal = "personal",
        /// Something that is known of the customer is in it.
        PersonalPart = "personal_part",
        /// Without the name of the service it would be too short.
        Service = "service",
        /// A word of a dictionary is in it.
        Word = "word",
        /// Four keys that lie side by side are in it.
        KeyboardRun = "keyboard_run",
        /// Four letters of an alphabet, or four digits, one after the other are in it.
        Sequence = "sequence",
        /// One character four times, or the same part again and again.
        Repeat = "repeat",
        /// It would be guessed too soon.
        Guessable = "guessable",
        /// It is the customer's other password.
        SameAsOther = "same_as_other",
    }
}
