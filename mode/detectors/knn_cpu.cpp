// The bound of mode/README.md, eq. (14), in f32 rejects far rows; the others get their distance in double.
//
// cost     2 Q B E FLOP in f32, about 2 K ln(B/K) E per query in double; scratch: 8192 x E packed bank rows, 8192 x K x 16 bytes of heaps
// parallel over blocks of queries, each with its own thresholds and heaps; bank rows are visited in the same order by all
// numerics the result is that of naive::knn, bit for bit, for every blocking and instruction set
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "mode/detectors/knn.h"
#include "tensor/check.h"
#include "tensor/isa.h"
#include "tensor/math.h"
#include "tensor/parallel.h"

namespace mode {
namespace {

using tensor::Tensor;

constexpr int64_t slab_rows = 8192, chunk_queries = 8192;
constexpr double largest_norm = 1e37;  // |q|^2 + |b|^2 + 2 |q . b| stays within f32

struct Neighbor {
  double distance;
  int64_t row;
  bool operator<(const Neighbor& other) const { return distance < other.distance || (distance == other.distance && row < other.row); }
};

struct TileShape {
  int queries, panel_rows;
};

// Packed consecutive rows of the bank: packed (panels, E, panel_rows), squared norms (panels * panel_rows), padded with +infinity.
struct Slab {
  const float* packed;
  const float* norms;
  int64_t panels, feature_dim, first_row;
};

// A block of queries and their nearest rows so far. `packed` is -2 q as (tiles, E, tile_queries); padding has threshold -infinity.
struct QueryBlock {
  const float* packed;
  float* thresholds;
  int64_t padded;
  // For exact distances, indexed by the query's position in the block:
  const float* queries;
  const float* bank;
  int64_t feature_dim, k;
  Neighbor* heaps;        // k per query, a heap with the farthest first
  int64_t* sizes;         // number of neighbors in each heap
  const double* offsets;  // slack - |q|^2
};

double squared_norm(const float* x, int64_t feature_dim) {
  double sum = 0;
  for (int64_t e = 0; e < feature_dim; ++e) sum += static_cast<double>(x[e]) * static_cast<double>(x[e]);
  return sum;
}

float round_up(double value) {
  const float rounded = static_cast<float>(value);
  return static_cast<double>(rounded) < value ? std::nextafterf(rounded, std::numeric_limits<float>::infinity()) : rounded;
}

// eq. (14) with u = 2^-24: a bound of the error of |b|^2 - 2 q.b in f32 plus the rounding of D. A sum of E products in any order has E + 1
// roundings of at most |2q||b| each; |b|^2 and the last sum are rounded once; products may underflow; D is computed in double.
double slack_of(double query_norm, double bank_norm, int64_t feature_dim) {
  const double u = 0x1p-24, e = static_cast<double>(feature_dim), cross = 2 * std::sqrt(query_norm * bank_norm);
  return 1.01 * ((e + 1) * u * cross + 2 * u * (bank_norm + cross)) + e * 0x1p-126 + (e + 4) * 0x1p-51 * (query_norm + bank_norm);
}

// Called for a row at or below the query's threshold. Rows arrive in ascending order, so a tie never replaces a neighbor.
void offer(QueryBlock& block, int64_t query, int64_t row) {
  const int64_t k = block.k;
  Neighbor* heap = block.heaps + query * k;
  int64_t& size = block.sizes[query];
  const double distance =
      squared_distance(block.queries + query * block.feature_dim, block.bank + row * block.feature_dim, block.feature_dim);
  if (size == k) {
    if (!(distance < heap[0].distance)) return;
    std::pop_heap(heap, heap + k);
    heap[k - 1] = {distance, row};
  } else {
    heap[size++] = {distance, row};
  }
  std::push_heap(heap, heap + size);
  if (size == k) block.thresholds[query] = round_up(heap[0].distance + block.offsets[query]);
}

#define KERNEL_FILE "mode/detectors/knn_kernel.inl"
#include "tensor/for_each_isa.h"

// source (rows, E) -> (ceil(rows / width), E, width), multiplied by `factor` and padded with zeros.
void pack(const float* source, int64_t rows, int64_t feature_dim, int64_t width, float factor, float* packed) {
  for (int64_t first = 0; first < rows; first += width, packed += width * feature_dim)
    for (int64_t e = 0; e < feature_dim; ++e)
      for (int64_t at = 0; at < width; ++at)
        packed[e * width + at] = first + at < rows ? factor * source[(first + at) * feature_dim + e] : 0.0f;
}

// Squared norms of all rows. A norm that f32 arithmetic cannot represent, or NaN, is an error.
std::vector<double> checked_norms(const Tensor& x, const char* name) {
  const int64_t rows = x.dim(0), feature_dim = x.dim(1);
  const float* data = x.data<float>();
  std::vector<double> norms(rows);
  tensor::parallel_for(rows, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) norms[row] = squared_norm(data + row * feature_dim, feature_dim);
  });
  for (int64_t row = 0; row < rows; ++row)
    CHECK(norms[row] <= largest_norm,
          "knn: row {} of the {} has squared norm {}; expected finite values and at most {}; normalize the features", row, name, norms[row],
          largest_norm);
  return norms;
}

}  // namespace

double squared_distance(const float* a, const float* b, int64_t feature_dim) {
  constexpr int lanes = 8;  // independent partial sums, so that additions overlap
  double sums[lanes] = {};
  int64_t e = 0;
  for (; e + lanes <= feature_dim; e += lanes)
    for (int lane = 0; lane < lanes; ++lane) {
      const double difference = static_cast<double>(a[e + lane]) - static_cast<double>(b[e + lane]);
      sums[lane] += difference * difference;
    }
  for (int lane = 0; e < feature_dim; ++e, ++lane) {
    const double difference = static_cast<double>(a[e]) - static_cast<double>(b[e]);
    sums[lane] += difference * difference;
  }
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

namespace cpu {

KnnResult knn(const Tensor& queries, const Tensor& bank, int64_t k) {
  const int64_t query_count = queries.dim(0), bank_count = bank.dim(0), feature_dim = bank.dim(1);
  const std::vector<double> query_norms = checked_norms(queries, "queries"), bank_norms = checked_norms(bank, "bank");
  const double largest_bank_norm = *std::max_element(bank_norms.begin(), bank_norms.end());
  const float *query_data = queries.data<float>(), *bank_data = bank.data<float>();
  KnnResult result = {Tensor({query_count, k}, tensor::Dtype::f32), Tensor({query_count, k}, tensor::Dtype::i64)};
  float* distances = result.distances.data<float>();
  int64_t* rows = result.rows.data<int64_t>();

  const TileShape tile = SELECT_ISA(tile_shape)();
  const auto search = SELECT_ISA(search_slab);
  // 24 .. 192 queries, a multiple of every tile, within half of a second-level cache.
  const int64_t block_queries = std::clamp<int64_t>((int64_t{1} << 16) / feature_dim / 12 * 12, 24, 192);

  const int64_t chunk = std::min(query_count, chunk_queries), slab = std::min(bank_count, slab_rows);
  const int64_t chunk_padded = tensor::ceil_div(chunk, block_queries) * tensor::round_up(block_queries, tile.queries);
  Tensor packed_bank({tensor::round_up(slab, tile.panel_rows), feature_dim}), slab_norms({tensor::round_up(slab, tile.panel_rows)});
  Tensor packed_queries({chunk_padded, feature_dim});
  std::vector<Neighbor> heaps(chunk * k);
  std::vector<int64_t> sizes(chunk);
  std::vector<float> thresholds(chunk_padded);
  std::vector<double> offsets(chunk);

  for (int64_t chunk_begin = 0; chunk_begin < query_count; chunk_begin += chunk_queries) {
    const int64_t here = std::min(chunk_queries, query_count - chunk_begin);
    const float* chunk_data = query_data + chunk_begin * feature_dim;
    std::fill(sizes.begin(), sizes.end(), 0);
    for (int64_t at = 0; at < chunk_padded; ++at)
      thresholds[at] = at < here ? std::numeric_limits<float>::max() : -std::numeric_limits<float>::infinity();
    for (int64_t at = 0; at < here; ++at) {
      const double norm = query_norms[chunk_begin + at];
      offsets[at] = slack_of(norm, largest_bank_norm, feature_dim) - norm;
    }
    tensor::parallel_for(here, block_queries, [&](int64_t begin, int64_t end) {
      pack(chunk_data + begin * feature_dim, end - begin, feature_dim, tile.queries, -2.0f,
           packed_queries.data<float>() + begin * feature_dim);
    });

    for (int64_t slab_begin = 0; slab_begin < bank_count; slab_begin += slab_rows) {
      const int64_t slab_here = std::min(slab_rows, bank_count - slab_begin),
                    panels = tensor::round_up(slab_here, tile.panel_rows) / tile.panel_rows;
      float* norms = slab_norms.data<float>();
      for (int64_t at = 0; at < panels * tile.panel_rows; ++at)
        norms[at] = at < slab_here ? static_cast<float>(bank_norms[slab_begin + at]) : std::numeric_limits<float>::infinity();
      tensor::parallel_for(slab_here, tile.panel_rows * 16, [&](int64_t begin, int64_t end) {
        pack(bank_data + (slab_begin + begin) * feature_dim, end - begin, feature_dim, tile.panel_rows, 1.0f,
             packed_bank.data<float>() + begin * feature_dim);
      });
      const Slab packed_slab = {
          .packed = packed_bank.data<float>(), .norms = norms, .panels = panels, .feature_dim = feature_dim, .first_row = slab_begin};
      tensor::parallel_for(here, block_queries, [&](int64_t begin, int64_t end) {
        QueryBlock block = {.packed = packed_queries.data<float>() + begin * feature_dim,
                            .thresholds = thresholds.data() + begin,
                            .padded = tensor::round_up(end - begin, tile.queries),
                            .queries = chunk_data + begin * feature_dim,
                            .bank = bank_data,
                            .feature_dim = feature_dim,
                            .k = k,
                            .heaps = heaps.data() + begin * k,
                            .sizes = sizes.data() + begin,
                            .offsets = offsets.data() + begin};
        search(packed_slab, block);
      });
    }
    tensor::parallel_for(here, block_queries, [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; ++at) {
        std::sort_heap(heaps.data() + at * k, heaps.data() + (at + 1) * k);
        for (int64_t nearest = 0; nearest < k; ++nearest) {
          distances[(chunk_begin + at) * k + nearest] = static_cast<float>(heaps[at * k + nearest].distance);
          rows[(chunk_begin + at) * k + nearest] = heaps[at * k + nearest].row;
        }
      }
    });
  }
  return result;
}

}  // namespace cpu
}  // namespace mode
