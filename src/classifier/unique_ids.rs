//! The distinct word ids of some texts.

use hashbrown::HashMap;

/// Ids up to this many times the number of tokens are looked up in an array, larger ones in a hash table.
const MAX_IDS_PER_TOKEN: usize = 64;

/// The distinct ids of some sequences in the order of their first occurrence, and the sequences as indices into them.
pub(super) fn unique_ids<S: AsRef<[u32]>>(sequences: &[S]) -> (Vec<u32>, Vec<Vec<u32>>) {
    let tokens = sequences.iter().flat_map(|sequence| sequence.as_ref());
    let (count, max) = tokens.fold((0usize, 0), |(count, max), &id| (count + 1, max.max(id as usize)));
    let mut unique = Vec::new();
    let mut index_of = |id: u32, index: &mut u32| {
        if *index == u32::MAX {
            *index = unique.len() as u32;
            unique.push(id);
        }
        *index
    };
    let mut indices: Vec<Vec<u32>> = sequences.iter().map(|sequence| sequence.as_ref().to_vec()).collect();
    let tokens = indices.iter_mut().flatten();
    if max < MAX_IDS_PER_TOKEN * count {
        let mut known = vec![u32::MAX; max + 1];
        tokens.for_each(|id| *id = index_of(*id, &mut known[*id as usize]));
    } else {
        let mut known: HashMap<u32, u32> = HashMap::new();
        tokens.for_each(|id| *id = index_of(*id, known.entry(*id).or_insert(u32::MAX)));
    }
    (unique, indices)
}
