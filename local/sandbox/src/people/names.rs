//! Names as people write them, each with how it is spelt in an address.

/// A writing system and names in it.
pub(super) struct Script {
    pub(super) given: &'static [(&'static str, &'static str)],
    pub(super) family: &'static [(&'static str, &'static str)],
    order: Order,
}

enum Order {
    GivenFirst,
    FamilyFirst,
}

impl Script {
    pub(super) fn full_name(&self, given: &str, family: &str) -> String {
        match self.order {
            Order::GivenFirst => format!("{given} {family}"),
            Order::FamilyFirst => format!("{family}{given}"),
        }
    }
}

pub(super) const SCRIPTS: [Script; 10] = [
    Script {
        given: &[
            ("Łukasz", "Lukasz"),
            ("Zofia", "Zofia"),
            ("Grażyna", "Grazyna"),
            ("Święcisław", "Swieclaw"),
        ],
        family: &[("Żółć", "Zolc"), ("Wiśniewska", "Wisniewska"), ("Brzęczyszczykiewicz", "Brzeczyk")],
        order: Order::GivenFirst,
    },
    Script {
        given: &[("محمد", "Mohammed"), ("فاطمة", "Fatima"), ("ليلى", "Layla"), ("عبد الرحمن", "Abdulrahman")],
        family: &[("الخطيب", "AlKhatib"), ("بن سعيد", "BenSaid"), ("الأنصاري", "AlAnsari")],
        order: Order::GivenFirst,
    },
    Script {
        given: &[("小明", "Xiaoming"), ("静怡", "Jingyi"), ("浩然", "Haoran"), ("雨桐", "Yutong")],
        family: &[("欧阳", "Ouyang"), ("王", "Wang"), ("陈", "Chen"), ("司马", "Sima")],
        order: Order::FamilyFirst,
    },
    Script {
        given: &[("สมชาย", "Somchai"), ("อรุณี", "Arunee"), ("กัญญา", "Kanya"), ("ณัฐวุฒิ", "Nattawut")],
        family: &[("ศรีสุวรรณ", "Srisuwan"), ("จันทร์เพ็ญ", "Chanphen"), ("วงศ์สวัสดิ์", "Wongsawat")],
        order: Order::GivenFirst,
    },
    Script {
        given: &[("Ελένη", "Eleni"), ("Γιώργος", "Giorgos"), ("Αθηνά", "Athina"), ("Στέφανος", "Stefanos")],
        family: &[
            ("Παπαδοπούλου", "Papadopoulou"),
            ("Οικονόμου", "Oikonomou"),
            ("Καζαντζάκης", "Kazantzakis"),
        ],
        order: Order::GivenFirst,
    },
    Script {
        given: &[("さくら", "Sakura"), ("健太", "Kenta"), ("陽菜", "Hina"), ("翔太", "Shota")],
        family: &[("佐藤", "Sato"), ("長谷川", "Hasegawa"), ("小鳥遊", "Takanashi")],
        order: Order::FamilyFirst,
    },
    Script {
        given: &[
            ("Олександра", "Oleksandra"),
            ("Дмитро", "Dmytro"),
            ("Соломія", "Solomiya"),
            ("Ярослав", "Yaroslav"),
        ],
        family: &[("Шевченко", "Shevchenko"), ("Ковальчук", "Kovalchuk"), ("Гончаренко", "Honcharenko")],
        order: Order::GivenFirst,
    },
    Script {
        given: &[("अनन्या", "Ananya"), ("विक्रम", "Vikram"), ("प्रिया", "Priya"), ("कृष्ण", "Krishna")],
        family: &[("श्रीवास्तव", "Shrivastava"), ("चतुर्वेदी", "Chaturvedi"), ("अय्यर", "Iyer")],
        order: Order::GivenFirst,
    },
    Script {
        given: &[("Seán", "Sean"), ("Zoë", "Zoe"), ("Jean-Luc", "Jean-Luc"), ("Mary Anne", "MaryAnne")],
        family: &[
            ("O'Brien", "OBrien"),
            ("van der Meer", "vanderMeer"),
            ("Smith-Jones", "Smith-Jones"),
            ("Nguyễn", "Nguyen"),
        ],
        order: Order::GivenFirst,
    },
    Script {
        given: &[("נועה", "Noa"), ("יהונתן", "Yehonatan"), ("תמר", "Tamar"), ("אברהם", "Avraham")],
        family: &[("בן־דוד", "BenDavid"), ("רוזנברג", "Rosenberg"), ("שפירא", "Shapira")],
        order: Order::GivenFirst,
    },
];
