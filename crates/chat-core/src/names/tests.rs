//! Examples of names that are allowed or refused.

use super::*;

#[test]
fn usernames_have_3_to_32_characters() {
    for good in ["tom", "Jérôme", &"x".repeat(32), &"猫".repeat(32), "two words", "100%", "a_b", "m&m 0"] {
        assert_eq!(username(good).unwrap(), good);
    }
    for bad in ["", "to", &"x".repeat(33), " tom", "tom ", "\u{a0}tom", "t\0m", "tom\u{1b}[31m", "é2"] {
        assert!(username(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn equal_names_have_one_stored_form() {
    for (requested, kept) in [
        ("jose\u{301}", "josé"),
        ("ａｌｉｃｅ", "alice"),
        ("𝓪𝓵𝓲𝓬𝓮", "alice"),
        ("two  words", "two words"),
        ("two\u{a0}\u{2003}words", "two words"),
        ("ﬁona", "fiona"),
    ] {
        assert_eq!(username(requested).unwrap(), kept);
        assert_eq!(group_name(requested, 100).unwrap(), kept);
    }
}

#[test]
fn nothing_in_a_name_is_invisible() {
    let unseen = [
        "\u{200b}",
        "\u{200c}",
        "\u{200d}",
        "\u{200e}",
        "\u{200f}",
        "\u{202a}",
        "\u{202e}",
        "\u{2066}",
        "\u{2069}",
        "\u{ad}",
        "\u{34f}",
        "\u{61c}",
        "\u{115f}",
        "\u{1160}",
        "\u{3164}",
        "\u{ffa0}",
        "\u{2800}",
        "\u{180e}",
        "\u{feff}",
        "\u{fe0f}",
        "\u{e0041}",
        "\u{e007f}",
        "\u{e0100}",
        "\u{e000}",
        "\u{f0000}",
        "\u{10fffd}",
        "\u{378}",
        "\u{e0fff}",
        "\u{fff9}",
        "\u{2028}",
        "\u{7}",
        "\u{85}",
        "\u{13441}",
        "\u{fffd}",
        "\u{16fe4}",
        "\u{303f}",
        "\u{17b4}",
        "\u{600}",
        "\u{6dd}",
        "\u{70f}",
        "\u{8e2}",
        "\u{110bd}",
        "\u{fdd0}",
        "\u{1fffe}",
        "\u{10ffff}",
    ];
    for unseen in unseen {
        for name in [format!("bob{unseen}"), format!("b{unseen}ob"), format!("{unseen}bob"), unseen.repeat(3)]
        {
            // White space at the ends of a group's name is removed, whatever kind it is.
            let is_space = unseen.trim().is_empty();
            assert!(username(&name).is_err(), "{name:?}");
            assert!(is_space || group_name(&name, 100).is_err(), "{name:?}");
        }
    }
    assert!(is_blank(" \u{3164}\u{200b}\u{2800}\t") && is_blank("") && !is_blank("\u{200b}."));
}

/// Uses the tables of another crate than the rule itself.
#[test]
fn no_character_of_an_invisible_category_is_accepted_behind_a_letter() {
    use unicode_security::GeneralSecurityProfile;
    use unicode_security::general_security_profile::IdentifierType;
    let unseen = [IdentifierType::Default_Ignorable, IdentifierType::Not_Character];
    let mut n_looked_at = 0;
    for c in ('\0'..=char::MAX).filter(|&c| c.identifier_type().is_some_and(|kind| unseen.contains(&kind))) {
        // Blanks of all kinds become one space.
        if c.is_whitespace() {
            continue;
        }
        n_looked_at += 1;
        assert!(username(&format!("bob{c}tom")).is_err(), "U+{:04X}", u32::from(c));
    }
    assert!(n_looked_at > 300, "{n_looked_at} characters are of these kinds");
}

#[test]
fn letters_have_as_many_marks_as_languages_use() {
    for name in [
        "Nguy\u{1ec5}n Th\u{1ecb} B\u{1ed9}i",
        "Ngu\u{79}e\u{302}\u{303}n",
        "ช้ำน้ำผึ้ง",
        "เพิ่มศักดิ์",
        "ນໍ້າຜຶ້ງ",
        "יִשְׂרָאֵל",
        "שִּׁ֔מְעוֹן",
        "בְּרֵאשִׁ֖ית",
        "مُحَمَّدٌ",
        "ٱللَّٰهُ",
        "श्रीकृष्ण",
        "द्वितीयाँ",
        "বঙ্গবন্ধু",
        "லக்ஷ்மீ",
        "ಸ್ತ್ರೀ",
        "မျှော်လင့်",
        "လျှော့",
        "မြို့",
        "ស្ត្រីខ្ញុំ",
        "བསྒྲུབས་ཧཱུྃ",
        "ᬒᬁᬓᬵᬭ",
        "ẹ̀kọ́ Ọlọ́run",
        "\u{1112}\u{119e}\u{11ab}글",
    ] {
        let kept: String = name.nfkc().collect();
        assert_eq!(username(name).ok().as_deref(), Some(kept.as_str()), "{name}");
        assert_eq!(group_name(name, 100).ok().as_deref(), Some(kept.as_str()), "{name}");
    }
    for (letter, mark, count) in [
        ('a', '\u{30d}', 12),
        ('a', '\u{334}', 31),
        ('ก', '\u{e49}', 5),
        ('ש', '\u{5b0}', 5),
        ('a', '\u{20dd}', 5),
        ('क', '\u{93e}', 9),
        ('가', '\u{11a8}', 6),
    ] {
        let piled: String = ["bo", &letter.to_string(), &mark.to_string().repeat(count)].concat();
        assert!(username(&piled).is_err(), "{piled:?}");
        assert!(group_name(&piled, 100).is_err(), "{piled:?}");
    }
}

#[test]
fn invisible_characters_with_an_effect_stay() {
    for name in ["می\u{200c}خواهم", "क्\u{200d}ष", "葛\u{e0100}城市"] {
        assert_eq!(username(name).unwrap(), name);
    }
    for name in ["❤\u{fe0f} team", "👩\u{200d}💻", "🏳\u{fe0f}\u{200d}🌈", "1\u{fe0f}\u{20e3}"] {
        assert_eq!(group_name(name, 100).unwrap(), name);
    }
    assert!(is_mistakable("می\u{200c}خواهم", "میخواهم"), "and makes no second name");
}

#[test]
fn a_username_has_a_letter_or_a_digit() {
    for bad in ["...", "???", "🎉🎉🎉", "- - -", "\u{301}\u{301}\u{301}"] {
        assert!(username(bad).is_err(), "{bad:?}");
    }
    assert_eq!(username("🎉 7").unwrap(), "🎉 7");
    assert_eq!(group_name("🎉", 100).unwrap(), "🎉");
    assert_eq!(group_name("???", 100).unwrap(), "???");
    assert!(username("\u{301}bob").is_err() && group_name("\u{301}", 100).is_err());
}

#[test]
fn reserved_words_and_their_lookalikes_are_refused() {
    for bad in
        ["all", "ALL", "aII", "аll", "ａｌｌ", "Here", "admin", "аdmin", "ADMIN", "r00t", "sуstem", "nuIl"]
    {
        assert!(username(bad).is_err(), "{bad:?}");
    }
    for good in ["ally", "hereby", "sysadmins", "tom", "rooty", "Allan"] {
        assert!(username(good).is_ok(), "{good}");
    }
}

#[test]
fn reserved_words_are_recognized_with_accents() {
    for bad in [
        "\u{e0}ll",
        "\u{e1}dmin",
        "\u{c0}LL",
        "\u{101}\u{142}l",
        "s\u{fd}st\u{e8}m",
        "h\u{113}re",
        "\u{430}dm\u{ed}n",
        "r\u{f8}\u{f8}t",
    ] {
        assert!(username(bad).is_err(), "{bad:?}");
        assert!(group_name(bad, 100).is_err(), "{bad:?}");
    }
    for bad in ["all!", "@all", "-admin-", "all.", "(here)", "_system_"] {
        assert!(username(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn names_refused_to_users_are_refused_to_groups() {
    for bad in
        ["all", "Admin", "system", "\u{430}dmin", "x@y.z", "http://a", "www.evil.example", "ask tom@temp.com"]
    {
        let refused = group_name(bad, 100);
        assert!(matches!(refused, Err(Error::Invalid { field: "name", .. })), "{bad:?}");
    }
    for good in ["All of us", "Support: Europe", "#general", "us @ work", "Lunch@12.30", "evil.com"] {
        assert_eq!(group_name(good, 100).unwrap(), good);
    }
}

#[test]
fn no_username_looks_like_an_address() {
    for bad in ["tom@temp.com", "tom＠temp.com", "@tom", "tom﹫x", "http://a", "ｈttps：／／evil", "www.evil"]
    {
        assert!(username(bad).is_err(), "{bad:?}");
    }
    for good in ["#abc", "J.R. Smith", "st.john", "mr.bean", "evil.com"] {
        assert_eq!(username(good).unwrap(), good);
    }
    assert_eq!(group_name("us @ work", 100).unwrap(), "us @ work");
}

#[test]
fn group_names_are_trimmed_and_bounded() {
    assert_eq!(group_name("  Cheese \n", 100).unwrap(), "Cheese");
    for bad in ["", "   ", "a\u{7}b", &"x".repeat(101)] {
        assert!(matches!(group_name(bad, 100), Err(Error::Invalid { field: "name", .. })), "{bad:?}");
    }
    assert!(group_name(&"é".repeat(100), 100).is_ok());
}

#[test]
fn login_keys_cover_every_form_in_which_an_account_may_be_stored() {
    assert_eq!(login_keys("Tom"), ["tom"]);
    assert_eq!(login_keys("Jose\u{301}"), ["jose\u{301}", "josé"]);
    assert_eq!(login_keys("josé"), ["josé", "jose\u{301}"]);
    assert_eq!(login_keys("ｔｏｍ "), ["ｔｏｍ ", "tom"]);
}

#[test]
fn lookalikes_of_reserved_words_are_refused_in_capitals_too() {
    for bad in [
        "AD\u{41c}IN",
        "AdM\u{406}n",
        "\u{41c}oderator",
        "SYSTE\u{41c}",
        "SECURI\u{422}Y",
        "MODER\u{410}TOR",
        "\u{410}DMINISTRATOR",
        "\u{410}DmIniSTRATOR",
        "Admi\u{307}n",
        "ADM\u{130}N",
        "\u{410}DM\u{130}N",
        "Adm\u{131}\u{307}n",
    ] {
        assert!(username(bad).is_err(), "{bad:?}");
    }
    for good in
        ["ali", "Ali", "Ail", "lngrid", "\u{130}brahim", "\u{131}\u{15f}\u{131}k", "Ilg\u{131}n", "Max"]
    {
        assert_eq!(username(good).unwrap(), good);
    }
}

#[test]
fn a_second_dot_is_not_kept() {
    for (requested, kept) in
        [("ali\u{307}ce", "alice"), ("al\u{131}\u{307}ce", "alice"), ("j\u{307}im", "jim")]
    {
        assert_eq!(username(requested).unwrap(), kept);
        assert_eq!(group_name(requested, 100).unwrap(), kept);
        assert!(
            login_keys(requested).contains(&kept.to_owned()),
            "a user who registers with it can log in with it"
        );
    }
}

/// Asserts the stored form, and that a user who registers with the name can log in with it.
fn assert_kept_as(requested: &str, kept: &str) {
    assert_eq!(username(requested).unwrap(), kept, "{requested:?}");
    assert_eq!(username(kept).unwrap(), kept, "{kept:?} changes again");
    assert!(login_keys(requested).contains(&folded(kept)), "{requested:?}");
    assert_eq!(group_name(requested, 100).unwrap(), kept);
}

#[test]
fn joiners_stay_where_they_have_an_effect() {
    for name in [
        "അനില്\u{200d}",
        "അനില്\u{200d} കുമാര്\u{200d}",
        "സുരേഷ്\u{200c}",
        "ವಿನಯ್\u{200c}",
        "పవన్\u{200c}",
        "ශ්\u{200d}රී",
        "مِ\u{200c}هر",
        "\u{1019}\u{103b}\u{200c}\u{1019}\u{102c}",
        "\u{182e}\u{1820}\u{180b}\u{1828}",
        "\u{182e}\u{1828}\u{180e}\u{1820}",
    ] {
        assert_kept_as(name, name);
        let bare: String = name.chars().filter(|&c| !unseen::is_unseen(c)).collect();
        assert!(is_mistakable(name, &bare), "{name:?} would be a second name");
    }
}

#[test]
fn joiners_without_an_effect_are_removed() {
    for (requested, kept) in [
        ("শ্রী\u{200c}", "শ্রী"),
        ("خانه\u{200c} ما", "خانه ما"),
        ("پریسا\u{200c}", "پریسا"),
        ("می\u{200c}\u{200c}خواهم", "می\u{200c}خواهم"),
        ("มานี\u{200b}มานะ", "มานีมานะ"),
        ("มานี\u{200b}", "มานี"),
        ("សុខ\u{200b}ភាព", "សុខភាព"),
        ("\u{182e}\u{1828}\u{1820}\u{180e}", "\u{182e}\u{1828}\u{1820}"),
    ] {
        assert_kept_as(requested, kept);
    }
    for bad in
        ["bob\u{200b}", "มานีbob\u{200b}", "bob\u{200d} ", "മ bob\u{200c}", "bob\u{fffc}", "มานี\u{2060}"]
    {
        assert!(username(bad.trim()).is_err() && group_name(bad, 100).is_err(), "{bad:?}");
    }
}

#[test]
fn emoji_are_accepted_in_every_form_that_keyboards_send() {
    for (requested, kept) in [
        ("\u{203c}\u{fe0f} Wichtig", "!! Wichtig"),
        ("\u{2139}\u{fe0f} Info", "i Info"),
        ("Acme\u{2122}\u{fe0f}", "AcmeTM"),
        ("\u{2049}\u{fe0f}", "!?"),
        ("\u{24c2}\u{fe0f}", "M"),
        ("\u{3297}\u{fe0f}", "祝"),
        ("\u{3299}\u{fe0f}", "秘"),
        ("\u{3030}\u{fe0f}", "\u{3030}\u{fe0f}"),
        ("\u{303d}\u{fe0f}", "\u{303d}\u{fe0f}"),
        ("\u{1f202}\u{fe0f}", "サ"),
        ("\u{1f237}\u{fe0f}", "月"),
        ("#\u{fe0f}\u{20e3}", "#\u{fe0f}\u{20e3}"),
        ("*\u{fe0f}\u{20e3}", "*\u{fe0f}\u{20e3}"),
        ("7\u{fe0f}", "7"),
        ("\u{2764}\u{fe0f}\u{fe0f}", "\u{2764}\u{fe0f}"),
        ("\u{2764}\u{fe0e}", "\u{2764}\u{fe0e}"),
        ("\u{1f469}\u{1f3fd}\u{200d}\u{2695}\u{fe0f}", "\u{1f469}\u{1f3fd}\u{200d}\u{2695}\u{fe0f}"),
    ] {
        assert_eq!(group_name(requested, 100).unwrap(), kept, "{requested:?}");
        assert_eq!(group_name(kept, 100).unwrap(), kept, "{kept:?} changes again");
    }
    for region in ["gbeng", "gbsct", "gbwls"] {
        let tags: String =
            region.bytes().map(|byte| char::from_u32(0xe0000 + u32::from(byte)).unwrap()).collect();
        let flag = format!("\u{1f3f4}{tags}\u{e007f} fans");
        assert_eq!(group_name(&flag, 100).unwrap(), flag);
        for bad in
            [format!("\u{1f3f4}{tags}"), format!("bob{tags}\u{e007f}"), "\u{1f3f4}\u{e007f}".to_owned()]
        {
            assert!(group_name(&bad, 100).is_err(), "{bad:?}");
        }
    }
    for bad in
        ["bob\u{fe0f}", "TM\u{fe0f}", "\u{2122}\u{200d}\u{2122}", "\u{2122}\u{fe0f}\u{200d}", "\u{fffc}"]
    {
        assert!(group_name(bad, 100).is_err(), "{bad:?}");
    }
}

proptest::proptest! {
    #[test]
    fn a_cleaned_name_is_allowed_and_stays_the_same(
        typed in "[a-cIiıј0-9 #️⃣❤™‼🏴👩💻ക്ിนខمِᠨ一\u{200b}-\u{200d}\u{fe0e}\u{fe0f}\u{307}\u{323}\u{180b}\u{180e}\u{e0100}]{1,12}"
    ) {
        if let Ok(kept) = group_name(&typed, 100) {
            proptest::prop_assert_eq!(group_name(&kept, 100).unwrap(), kept.clone());
            proptest::prop_assert!(is_mistakable(&typed, &kept));
            proptest::prop_assert!(kept.chars().all(|c| u32::from(c) != 0x200b));
        }
        if let Ok(kept) = username(&typed) {
            proptest::prop_assert_eq!(username(&kept).unwrap(), kept.clone());
            proptest::prop_assert!(login_keys(&typed).contains(&folded(&kept)));
        }
    }
}
