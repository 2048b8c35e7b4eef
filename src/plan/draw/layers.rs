//! Where boxes stand: in layers from top to bottom, so that arrows go down and cross little (after Sugiyama, 1981).

use super::picture::Picture;

/// How wide a way is that passes a layer, and how far things stand apart.
const WAY: f64 = 8.0;
const GAP: f64 = 22.0;
/// Passes over the layers; more hardly change anything.
const PASSES: usize = 12;
/// Beyond this, long arrows are drawn straight.
const MOST_WAYS: usize = 20_000;

/// What stands in a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// A box.
    Item(usize),
    /// The way of all arrows from this box to layers below.
    Way(usize),
}

/// Something in a layer.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) stand: Stand,
    /// The middle, from left.
    pub(super) x: f64,
    pub(super) width: f64,
    /// Whence arrows come: layer and place in it. Mostly the layer before.
    pub(super) from: Vec<(usize, usize)>,
}

/// Lays a picture out. `width` is that of each box.
pub(super) fn lay(picture: &Picture, width: &[f64]) -> Vec<Vec<Slot>> {
    let layer_of = layers_of(picture);
    let mut layers = fill(picture, &layer_of, width);
    order(&mut layers);
    for pass in 0..PASSES {
        move_near(&mut layers, pass % 2 == 0);
    }
    let left = layers
        .iter()
        .flatten()
        .map(|slot| slot.x - slot.width / 2.0)
        .fold(f64::INFINITY, f64::min);
    layers.iter_mut().flatten().for_each(|slot| slot.x -= left);
    layers
}

/// Below everything that it takes from; and where a frame begins or ends, below everything before.
fn layers_of(picture: &Picture) -> Vec<usize> {
    let mut sources: Vec<Vec<usize>> = vec![Vec::new(); picture.items.len()];
    for arrow in picture.arrows.iter().filter(|arrow| !arrow.is_back()) {
        sources[arrow.to].push(arrow.from);
    }
    let mut layer_of: Vec<usize> = Vec::with_capacity(picture.items.len());
    let (mut base, mut lowest, mut group) = (0, 0, None);
    for (index, item) in picture.items.iter().enumerate() {
        if index > 0 && item.group != group {
            base = lowest + 1;
        }
        group = item.group;
        let below = sources[index]
            .iter()
            .map(|&source| layer_of[source] + 1)
            .max()
            .unwrap_or(0);
        layer_of.push(below.max(base));
        lowest = lowest.max(layer_of[index]);
    }
    layer_of
}

fn fill(picture: &Picture, layer_of: &[usize], width: &[f64]) -> Vec<Vec<Slot>> {
    let count = layer_of.iter().max().map_or(0, |last| last + 1);
    let mut layers: Vec<Vec<Slot>> = vec![Vec::new(); count];
    let mut place_of = Vec::new();
    for (item, &layer) in layer_of.iter().enumerate() {
        place_of.push((layer, layers[layer].len()));
        layers[layer].push(Slot {
            stand: Stand::Item(item),
            x: 0.0,
            width: width[item],
            from: Vec::new(),
        });
    }
    let mut reach: Vec<usize> = layer_of.to_vec();
    for arrow in picture.arrows.iter().filter(|arrow| !arrow.is_back()) {
        reach[arrow.from] = reach[arrow.from].max(layer_of[arrow.to]);
    }
    let length = |item: usize| (reach[item] - layer_of[item]).saturating_sub(1);
    let has_ways = (0..layer_of.len()).map(length).sum::<usize>() <= MOST_WAYS;
    let mut ways: Vec<Vec<(usize, usize)>> = vec![Vec::new(); layer_of.len()];
    for item in (0..layer_of.len()).filter(|_| has_ways) {
        let mut before = place_of[item];
        let passed = layers.iter_mut().enumerate().skip(layer_of[item] + 1);
        for (number, layer) in passed.take(length(item)) {
            let slot = Slot {
                stand: Stand::Way(item),
                x: 0.0,
                width: WAY,
                from: vec![before],
            };
            before = (number, layer.len());
            ways[item].push(before);
            layer.push(slot);
        }
    }
    for arrow in picture.arrows.iter().filter(|arrow| !arrow.is_back()) {
        let steps = layer_of[arrow.to] - layer_of[arrow.from];
        let from = match steps {
            0 | 1 => place_of[arrow.from],
            _ => *ways[arrow.from].get(steps - 2).unwrap_or(&place_of[arrow.from]),
        };
        let (layer, place) = place_of[arrow.to];
        if !layers[layer][place].from.contains(&from) {
            layers[layer][place].from.push(from);
        }
    }
    layers
}

/// Puts each layer in the order of the middles of what it is joined to, from above and from below in turn.
fn order(layers: &mut [Vec<Slot>]) {
    for layer in layers.iter_mut() {
        spread(layer);
    }
    for pass in 0..PASSES {
        let wanted = wanted(layers, pass % 2 == 0);
        // From slot to new place, layer by layer; `from` names places, so all are moved together.
        let mut moved: Vec<Vec<usize>> = Vec::new();
        for (layer, wanted) in layers.iter().zip(&wanted) {
            let mut places: Vec<usize> = (0..layer.len()).collect();
            places.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
            let mut to = vec![0; layer.len()];
            places.iter().enumerate().for_each(|(new, &old)| to[old] = new);
            moved.push(to);
        }
        for (layer, to) in layers.iter_mut().zip(&moved) {
            let mut slots: Vec<(usize, Slot)> = to.iter().copied().zip(layer.drain(..)).collect();
            slots.sort_by_key(|(place, _)| *place);
            layer.extend(slots.into_iter().map(|(_, slot)| slot));
            for slot in layer.iter_mut() {
                slot.from
                    .iter_mut()
                    .for_each(|(layer, place)| *place = moved[*layer][*place]);
            }
            spread(layer);
        }
    }
}

/// As close as possible, around zero.
fn spread(layer: &mut [Slot]) {
    let total: f64 = layer.iter().map(|slot| slot.width + GAP).sum();
    let mut left = -total / 2.0;
    for slot in layer {
        slot.x = left + (slot.width + GAP) / 2.0;
        left += slot.width + GAP;
    }
}

/// The middle of what each slot is joined to; where it is, if it is joined to nothing.
fn wanted(layers: &[Vec<Slot>], above: bool) -> Vec<Vec<f64>> {
    let mut sums: Vec<Vec<(f64, f64)>> = layers.iter().map(|layer| vec![(0.0, 0.0); layer.len()]).collect();
    for (at, layer) in layers.iter().enumerate() {
        for (place, slot) in layer.iter().enumerate() {
            for &(from, source) in &slot.from {
                let (sum, x) = match above {
                    true => (&mut sums[at][place], layers[from][source].x),
                    false => (&mut sums[from][source], slot.x),
                };
                *sum = (sum.0 + x, sum.1 + 1.0);
            }
        }
    }
    let middle = |(slot, (sum, count)): (&Slot, (f64, f64))| if count > 0.0 { sum / count } else { slot.x };
    layers
        .iter()
        .zip(sums)
        .map(|(layer, sums)| layer.iter().zip(sums).map(middle).collect())
        .collect()
}

/// Moves each slot as near as its neighbours allow to where it wants to be: least squares under the order and the
/// distances, by pooling those that push each other.
fn move_near(layers: &mut [Vec<Slot>], above: bool) {
    let wanted = wanted(layers, above);
    for (layer, wanted) in layers.iter_mut().zip(wanted) {
        let mut offset = 0.0;
        let mut offsets = Vec::with_capacity(layer.len());
        // (sum of what is wanted, how many): the members of a pool stand side by side.
        let mut pools: Vec<(f64, usize)> = Vec::new();
        for (place, slot) in layer.iter().enumerate() {
            if place > 0 {
                offset += (layer[place - 1].width + slot.width) / 2.0 + GAP;
            }
            offsets.push(offset);
            let mut pool = (wanted[place] - offset, 1);
            while let Some(before) = pools.pop_if(|before| before.0 / before.1 as f64 > pool.0 / pool.1 as f64) {
                pool = (pool.0 + before.0, pool.1 + before.1);
            }
            pools.push(pool);
        }
        let base = pools
            .iter()
            .flat_map(|&(sum, count)| std::iter::repeat_n(sum / count as f64, count));
        for ((slot, base), offset) in layer.iter_mut().zip(base).zip(offsets) {
            slot.x = base + offset;
        }
    }
}
