//! Holds a configuration's values against each other, before a network is built from them.

use super::DetectorConfig;

impl DetectorConfig {
    /// Says what is wrong with the values, if anything is.
    ///
    /// # Errors
    /// With a sentence for people.
    pub fn check(&self) -> Result<(), String> {
        let require = |holds: bool, problem: &str| if holds { Ok(()) } else { Err(problem.to_owned()) };
        let share = |value: f64| (0.0..=1.0).contains(&value);
        require(
            self.num_classes >= 2,
            "`num_classes` must be at least 2: the background and one class",
        )?;
        require(
            self.min_size >= 1 && self.max_size >= 1,
            "`min_size` and `max_size` must be at least 1",
        )?;
        require(
            self.image_std.iter().all(|&std| std > 0.0),
            "`image_std` must be above 0",
        )?;
        require(
            self.batch_norm_epsilon >= 0.0,
            "`batch_norm_epsilon` must not be negative",
        )?;
        require(
            self.fpn_channels >= 1 && self.head_width >= 1,
            "`fpn_channels` and `head_width` must be at least 1",
        )?;
        let anchors = self.anchor_sizes.first().map_or(0, Vec::len) * self.anchor_aspect_ratios.len();
        require(
            anchors > 0,
            "`anchor_sizes` and `anchor_aspect_ratios` must not be empty",
        )?;
        require(
            self.anchor_sizes
                .iter()
                .all(|sizes| sizes.len() == self.anchor_sizes[0].len()),
            "`anchor_sizes` must have as many sizes on each level",
        )?;
        let positive = |value: &f64| *value > 0.0 && value.is_finite();
        require(
            self.anchor_sizes
                .iter()
                .flatten()
                .chain(&self.anchor_aspect_ratios)
                .all(positive),
            "`anchor_sizes` and `anchor_aspect_ratios` must be above 0",
        )?;
        require(
            self.bbox_reg_weights.iter().all(positive),
            "`bbox_reg_weights` must be above 0",
        )?;
        require(
            positive(&self.roi_canonical_scale),
            "`roi_canonical_scale` must be above 0",
        )?;
        require(
            share(self.rpn_positive_fraction) && share(self.box_positive_fraction),
            "the positive fractions must be between 0 and 1",
        )?;
        require(
            self.rpn_batch_size_per_image >= 1 && self.box_batch_size_per_image >= 1,
            "the batch sizes of the losses must be at least 1",
        )?;
        for (name, value) in [
            ("rpn_nms_thresh", self.rpn_nms_thresh),
            ("rpn_fg_iou_thresh", self.rpn_fg_iou_thresh),
            ("rpn_bg_iou_thresh", self.rpn_bg_iou_thresh),
            ("rpn_score_thresh", self.rpn_score_thresh),
            ("box_score_thresh", self.box_score_thresh),
            ("box_nms_thresh", self.box_nms_thresh),
            ("box_fg_iou_thresh", self.box_fg_iou_thresh),
            ("box_bg_iou_thresh", self.box_bg_iou_thresh),
        ] {
            require(share(value), &format!("`{name}` must be between 0 and 1"))?;
        }
        require(
            self.rpn_bg_iou_thresh <= self.rpn_fg_iou_thresh && self.box_bg_iou_thresh <= self.box_fg_iou_thresh,
            "the IoU below which a box is background must not be above the one from which it is an object",
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Architecture, DetectorConfig};

    #[test]
    fn values_that_make_no_sense_are_named() {
        let good = DetectorConfig::new(Architecture::Tiny, 3);
        assert_eq!(good.check(), Ok(()));
        let broken = |change: fn(&mut DetectorConfig), part: &str| {
            let mut config = good.clone();
            change(&mut config);
            let problem = config.check().unwrap_err();
            assert!(problem.contains(part), "{part}: {problem}");
        };
        broken(|config| config.num_classes = 1, "num_classes");
        broken(|config| config.rpn_nms_thresh = 1.5, "rpn_nms_thresh");
        broken(|config| config.box_score_thresh = f64::NAN, "box_score_thresh");
        broken(|config| config.box_bg_iou_thresh = 0.9, "background");
        broken(|config| config.anchor_sizes[1].push(5.0), "anchor_sizes");
        broken(|config| config.anchor_aspect_ratios = vec![-1.0], "aspect_ratios");
    }
}
