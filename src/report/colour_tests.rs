//! The colours of the page's curves: they stand out from the ground and from one another, for colour-blind eyes too.

const STYLE: &str = include_str!("../../assets/page.css");

/// What red, green and blue of linear light become for those who lack a kind of cone (Machado, Oliveira and Fernandes 2009, severity 1),
/// row by row; first for those who do not.
const SIGHTS: [(&str, [[f64; 3]; 3]); 4] = [
    ("all cones", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "protanopia",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "deuteranopia",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
    (
        "tritanopia",
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ),
];

/// Linear light of a colour of the style, in each place where it is set.
fn set(name: &str) -> Vec<[f64; 3]> {
    let before = format!("{name}: #");
    let parts = STYLE.split(&before).skip(1);
    let channel = |text: &str| {
        let value = f64::from(u8::from_str_radix(text, 16).unwrap()) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    parts
        .map(|part| [0, 2, 4].map(|at| channel(&part[at..at + 2])))
        .collect()
}

fn times(rows: &[[f64; 3]; 3], colour: [f64; 3]) -> [f64; 3] {
    rows.map(|row| row.iter().zip(colour).map(|(weight, part)| weight * part).sum())
}

/// As WCAG 2 has it.
fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let light = |colour: [f64; 3]| 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2] + 0.05;
    (light(a) / light(b)).max(light(b) / light(a))
}

/// Distance in Oklab (Ottosson 2020).
fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    let lab = |colour: [f64; 3]| {
        let colour = colour.map(|part| part.clamp(0.0, 1.0));
        let cones = [
            [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
            [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
            [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
        ];
        let axes = [
            [0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8],
            [1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9],
            [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0],
        ];
        times(&axes, times(&cones, colour).map(f64::cbrt))
    };
    let (a, b) = (lab(a), lab(b));
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// The eight colours in each place where they are set: light, dark by the system, dark by choice.
fn palettes() -> Vec<Vec<[f64; 3]>> {
    let colours: Vec<_> = (0..8).map(|index| set(&format!("--c{index}"))).collect();
    (0..3)
        .map(|place| colours.iter().map(|set| set[place]).collect())
        .collect()
}

#[test]
fn every_curve_stands_out_from_the_ground_in_light_and_dark() {
    for ground in ["--paper", "--panel"] {
        for (palette, ground) in palettes().iter().zip(set(ground)) {
            for (index, colour) in palette.iter().enumerate() {
                let found = contrast(*colour, ground);
                assert!(found >= 3.0, "{index}: {found}");
            }
        }
    }
}

#[test]
fn no_two_curves_are_alike_for_any_eyes() {
    for palette in palettes() {
        for (sight, rows) in &SIGHTS {
            let least = if *sight == "all cones" { 0.13 } else { 0.07 };
            for (index, colour) in palette.iter().enumerate() {
                for (other, before) in palette[..index].iter().enumerate() {
                    let found = distance(times(rows, *colour), times(rows, *before));
                    assert!(found >= least, "{sight}: {other} and {index} are {found} apart");
                }
            }
        }
    }
}
