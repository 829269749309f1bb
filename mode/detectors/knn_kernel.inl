// The tile kernel of mode/detectors/knn_cpu.cpp, compiled once per instruction set (tensor/for_each_isa.h). A tile of queries x two vectors
// of bank rows is accumulated in registers and compared with the queries' thresholds. 6 x 2 accumulators fit 16 registers, 12 x 2 fit 32.

constexpr int lanes = vector_bytes / 4;
constexpr int panel_rows = 2 * lanes;
constexpr int tile_queries = vector_registers >= 32 ? 12 : 6;
typedef float Vector __attribute__((vector_size(vector_bytes), may_alias));
typedef int Mask __attribute__((vector_size(vector_bytes), may_alias));
typedef long long Words __attribute__((vector_size(vector_bytes), may_alias));

TileShape tile_shape() { return {tile_queries, panel_rows}; }

// queries: -2 q as (E, tile_queries); panel: (E, panel_rows). partial[r][c] = |b_c|^2 - 2 q_r . b_c. hit[r] is not zero where a partial
// distance of query r is at or below its threshold. Returns whether any is.
inline bool search_tile(const float* queries, const float* panel, int64_t feature_dim, const float* norms, const float* thresholds,
                        float (*partial)[panel_rows], long long* hit) {
  Vector acc[tile_queries][2];
  for (int r = 0; r < tile_queries; ++r) acc[r][0] = acc[r][1] = Vector{};
  for (int64_t e = 0; e < feature_dim; ++e) {
    const Vector left = *reinterpret_cast<const Vector*>(panel + e * panel_rows);
    const Vector right = *reinterpret_cast<const Vector*>(panel + e * panel_rows + lanes);
#pragma GCC unroll 12
    for (int r = 0; r < tile_queries; ++r) {
      acc[r][0] += queries[e * tile_queries + r] * left;
      acc[r][1] += queries[e * tile_queries + r] * right;
    }
  }
  const Vector norm_left = *reinterpret_cast<const Vector*>(norms), norm_right = *reinterpret_cast<const Vector*>(norms + lanes);
  Mask any = {};
#pragma GCC unroll 12
  for (int r = 0; r < tile_queries; ++r) {
    acc[r][0] += norm_left;
    acc[r][1] += norm_right;
    any |= (acc[r][0] <= thresholds[r]) | (acc[r][1] <= thresholds[r]);
  }
  const Words words = (Words)any;
  long long folded = 0;
  for (int at = 0; at < vector_bytes / 8; ++at) folded |= words[at];
  if (folded == 0) return false;

#pragma GCC unroll 12
  for (int r = 0; r < tile_queries; ++r) {
    *reinterpret_cast<Vector*>(partial[r]) = acc[r][0];
    *reinterpret_cast<Vector*>(partial[r] + lanes) = acc[r][1];
    const Words row = (Words)((acc[r][0] <= thresholds[r]) | (acc[r][1] <= thresholds[r]));
    hit[r] = 0;
    for (int at = 0; at < vector_bytes / 8; ++at) hit[r] |= row[at];
  }
  return true;
}

// All panels of a packed slab of the bank against one block of queries.
void search_slab(const Slab& slab, QueryBlock& block) {
  alignas(64) float partial[tile_queries][panel_rows];
  long long hit[tile_queries];
  for (int64_t panel = 0; panel < slab.panels; ++panel) {
    const float* packed = slab.packed + panel * panel_rows * slab.feature_dim;
    const float* norms = slab.norms + panel * panel_rows;
    for (int64_t first = 0; first < block.padded; first += tile_queries) {
      float* thresholds = block.thresholds + first;
      if (!search_tile(block.packed + first * slab.feature_dim, packed, slab.feature_dim, norms, thresholds, partial, hit)) continue;
      for (int r = 0; r < tile_queries; ++r) {
        if (hit[r] == 0) continue;
        for (int c = 0; c < panel_rows; ++c)  // ascending rows; each offer may lower the threshold
          if (partial[r][c] <= thresholds[r]) offer(block, first + r, slab.first_row + panel * panel_rows + c);
      }
    }
  }
}
