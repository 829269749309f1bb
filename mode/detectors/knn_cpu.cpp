// maths    |q - b|^2 = |q|^2 + (|b|^2 - 2 q . b): the bracket in f32 finds who may be near, a difference in double says how near. A row is
//          skipped only when its bracket exceeds D - |q|^2 + slack, D being the K-th distance held; slack bounds every rounding (below), so
//          its true distance is more than D, K rows hold the places, and the result is that of the naive loop, bit for bit
// shapes   queries (Q,E), bank (B,E) -> (Q,K)
// cost     2 Q B E flop in f32, about 2 K ln(B/K) E per query in double; scratch: 8192 x E packed bank rows, 8192 x K x 16 bytes of heaps
// parallel over blocks of queries, each with its own thresholds and heaps; bank rows go by in the same order for all
// numerics the result depends on neither the blocking nor the instruction set
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

// A stretch of the bank, transposed panel by panel: packed (panels, E, panel_rows), norms (panels * panel_rows), +infinity behind the end.
struct Slab {
  const float* packed;
  const float* norms;
  int64_t panels, features, first_row;
};

// Some queries and what they have found. `packed` is (tiles, E, tile_queries) of -2 q; behind the end thresholds are -infinity.
struct QueryBlock {
  const float* packed;
  float* thresholds;
  int64_t padded;
  // For exact distances, by the query's place in the block.
  const float* queries;
  const float* bank;
  int64_t features, k;
  Neighbor* heaps;        // k places each, a heap with the farthest in front
  int64_t* held;          // how many of them are taken
  const double* offsets;  // slack - |q|^2
};

double squared_distance(const float* a, const float* b, int64_t features) {
  constexpr int lanes = 8;  // sums side by side, so that the additions need not wait for each other
  double sums[lanes] = {};
  int64_t e = 0;
  for (; e + lanes <= features; e += lanes)
    for (int lane = 0; lane < lanes; ++lane) {
      const double difference = static_cast<double>(a[e + lane]) - static_cast<double>(b[e + lane]);
      sums[lane] += difference * difference;
    }
  for (int lane = 0; e < features; ++e, ++lane) {
    const double difference = static_cast<double>(a[e]) - static_cast<double>(b[e]);
    sums[lane] += difference * difference;
  }
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

double squared_norm(const float* x, int64_t features) {
  double sum = 0;
  for (int64_t e = 0; e < features; ++e) sum += static_cast<double>(x[e]) * static_cast<double>(x[e]);
  return sum;
}

float round_up(double value) {
  const float rounded = static_cast<float>(value);
  return static_cast<double>(rounded) < value ? std::nextafterf(rounded, std::numeric_limits<float>::infinity()) : rounded;
}

// Bound of |computed bracket - true bracket| plus the rounding of D, for u = 2^-24 and a sum of E products in any order:
// E + 1 roundings of at most |2 q||b| each, |b|^2 rounded once, the last sum once; products that underflow; D in double.
double slack_of(double query_norm, double bank_norm, int64_t features) {
  const double u = 0x1p-24, e = static_cast<double>(features), cross = 2 * std::sqrt(query_norm * bank_norm);
  return 1.01 * ((e + 1) * u * cross + 2 * u * (bank_norm + cross)) + e * 0x1p-126 + (e + 4) * 0x1p-51 * (query_norm + bank_norm);
}

// Called by the kernel for a row whose bracket is at or below the threshold. Rows come in ascending order, so a tie never displaces.
void offer(QueryBlock& block, int64_t query, int64_t row) {
  const int64_t k = block.k;
  Neighbor* heap = block.heaps + query * k;
  int64_t& held = block.held[query];
  const double distance = squared_distance(block.queries + query * block.features, block.bank + row * block.features, block.features);
  if (held == k) {
    if (!(distance < heap[0].distance)) return;
    std::pop_heap(heap, heap + k);
    heap[k - 1] = {distance, row};
  } else {
    heap[held++] = {distance, row};
  }
  std::push_heap(heap, heap + held);
  if (held == k) block.thresholds[query] = round_up(heap[0].distance + block.offsets[query]);
}

#define KERNEL_FILE "mode/detectors/knn_kernel.inl"
#include "tensor/for_each_isa.h"

// source (rows, E) -> (rows / width rounded up, E, width), times `factor`, zeros behind the end.
void pack(const float* source, int64_t rows, int64_t features, int64_t width, float factor, float* packed) {
  for (int64_t first = 0; first < rows; first += width, packed += width * features)
    for (int64_t e = 0; e < features; ++e)
      for (int64_t at = 0; at < width; ++at)
        packed[e * width + at] = first + at < rows ? factor * source[(first + at) * features + e] : 0.0f;
}

void check_arguments(const Tensor& queries, const Tensor& bank, int64_t k) {
  CHECK(queries.rank() == 2 && bank.rank() == 2, "knn: expected queries (Q, E) and bank (B, E), got {} and {}", queries.shape().to_string(),
        bank.shape().to_string());
  CHECK(queries.dtype() == tensor::Dtype::f32 && bank.dtype() == tensor::Dtype::f32, "knn: expected f32, got {} and {}; cast first",
        tensor::name(queries.dtype()), tensor::name(bank.dtype()));
  CHECK(queries.dim(1) == bank.dim(1), "knn: queries have {} features, the bank has {}", queries.dim(1), bank.dim(1));
  CHECK(bank.dim(1) >= 1 && bank.dim(1) <= 65536, "knn: {} features; expected 1 .. 65536", bank.dim(1));
  CHECK(k >= 1 && k <= 1024, "knn: K = {}; expected 1 .. 1024", k);
  CHECK(k <= bank.dim(0), "knn: K = {}, but the bank has only {} rows; lower K or fill the bank", k, bank.dim(0));
}

// Squared norms of all rows; a row that f32 arithmetic cannot handle is an error.
std::vector<double> checked_norms(const Tensor& x, const char* what) {
  const int64_t rows = x.dim(0), features = x.dim(1);
  const float* data = x.data<float>();
  std::vector<double> norms(static_cast<size_t>(rows));
  tensor::parallel_for(rows, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) norms[row] = squared_norm(data + row * features, features);
  });
  for (int64_t row = 0; row < rows; ++row)
    CHECK(norms[row] <= largest_norm, "knn: row {} of the {} has the squared norm {}; expected finite numbers, at most {}", row, what,
          norms[row], largest_norm);
  return norms;
}

KnnResult empty_result(int64_t queries, int64_t k) {
  return {Tensor({queries, k}, tensor::Dtype::f32), Tensor({queries, k}, tensor::Dtype::i64)};
}

void store(const Neighbor* neighbors, int64_t k, float* distances, int64_t* rows) {
  for (int64_t at = 0; at < k; ++at) {
    distances[at] = static_cast<float>(neighbors[at].distance);
    rows[at] = neighbors[at].row;
  }
}

}  // namespace

namespace cpu {

KnnResult knn(const Tensor& queries, const Tensor& bank, int64_t k) {
  check_arguments(queries, bank, k);
  const int64_t query_count = queries.dim(0), bank_count = bank.dim(0), features = bank.dim(1);
  const std::vector<double> query_norms = checked_norms(queries, "queries"), bank_norms = checked_norms(bank, "bank");
  const double largest_bank_norm = *std::max_element(bank_norms.begin(), bank_norms.end());
  const float *query_data = queries.data<float>(), *bank_data = bank.data<float>();
  KnnResult result = empty_result(query_count, k);
  float* distances = result.distances.data<float>();
  int64_t* rows = result.rows.data<int64_t>();

  const TileShape tile = SELECT_ISA(tile_shape)();
  const auto search = SELECT_ISA(search_slab);
  // 24 .. 192 queries, as many as keep a block within half of a second-level cache; a multiple of every tile.
  const int64_t block_queries = std::clamp<int64_t>((int64_t{1} << 16) / features / 12 * 12, 24, 192);

  const int64_t chunk = std::min(query_count, chunk_queries), slab = std::min(bank_count, slab_rows);
  const int64_t chunk_padded = tensor::ceil_div(chunk, block_queries) * tensor::round_up(block_queries, tile.queries);
  Tensor packed_bank({tensor::round_up(slab, tile.panel_rows), features}), slab_norms({tensor::round_up(slab, tile.panel_rows)});
  Tensor packed_queries({chunk_padded, features});
  std::vector<Neighbor> heaps(static_cast<size_t>(chunk * k));
  std::vector<int64_t> held(static_cast<size_t>(chunk));
  std::vector<float> thresholds(static_cast<size_t>(chunk_padded));
  std::vector<double> offsets(static_cast<size_t>(chunk));

  for (int64_t chunk_begin = 0; chunk_begin < query_count; chunk_begin += chunk_queries) {
    const int64_t here = std::min(chunk_queries, query_count - chunk_begin);
    const float* chunk_data = query_data + chunk_begin * features;
    std::fill(held.begin(), held.end(), 0);
    for (int64_t at = 0; at < chunk_padded; ++at)
      thresholds[at] = at < here ? std::numeric_limits<float>::max() : -std::numeric_limits<float>::infinity();
    for (int64_t at = 0; at < here; ++at) {
      const double norm = query_norms[chunk_begin + at];
      offsets[at] = slack_of(norm, largest_bank_norm, features) - norm;
    }
    tensor::parallel_for(here, block_queries, [&](int64_t begin, int64_t end) {
      pack(chunk_data + begin * features, end - begin, features, tile.queries, -2.0f, packed_queries.data<float>() + begin * features);
    });

    for (int64_t slab_begin = 0; slab_begin < bank_count; slab_begin += slab_rows) {
      const int64_t slab_here = std::min(slab_rows, bank_count - slab_begin),
                    panels = tensor::round_up(slab_here, tile.panel_rows) / tile.panel_rows;
      float* norms = slab_norms.data<float>();
      for (int64_t at = 0; at < panels * tile.panel_rows; ++at)
        norms[at] = at < slab_here ? static_cast<float>(bank_norms[slab_begin + at]) : std::numeric_limits<float>::infinity();
      tensor::parallel_for(slab_here, tile.panel_rows * 16, [&](int64_t begin, int64_t end) {
        pack(bank_data + (slab_begin + begin) * features, end - begin, features, tile.panel_rows, 1.0f,
             packed_bank.data<float>() + begin * features);
      });
      const Slab packed_slab = {packed_bank.data<float>(), norms, panels, features, slab_begin};
      tensor::parallel_for(here, block_queries, [&](int64_t begin, int64_t end) {
        QueryBlock block = {packed_queries.data<float>() + begin * features,
                            thresholds.data() + begin,
                            tensor::round_up(end - begin, tile.queries),
                            chunk_data + begin * features,
                            bank_data,
                            features,
                            k,
                            heaps.data() + begin * k,
                            held.data() + begin,
                            offsets.data() + begin};
        search(packed_slab, block);
      });
    }
    tensor::parallel_for(here, block_queries, [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; ++at) {
        std::sort_heap(heaps.data() + at * k, heaps.data() + (at + 1) * k);
        store(heaps.data() + at * k, k, distances + (chunk_begin + at) * k, rows + (chunk_begin + at) * k);
      }
    });
  }
  return result;
}

}  // namespace cpu

KnnResult knn(const Tensor& queries, const Tensor& bank, int64_t k) { DISPATCH_CPU(queries, knn, queries, bank, k); }

KnnResult naive::knn(const Tensor& queries, const Tensor& bank, int64_t k) {
  check_arguments(queries, bank, k);
  const int64_t query_count = queries.dim(0), bank_count = bank.dim(0), features = bank.dim(1);
  KnnResult result = empty_result(query_count, k);
  std::vector<Neighbor> all(static_cast<size_t>(bank_count));
  for (int64_t query = 0; query < query_count; ++query) {
    for (int64_t row = 0; row < bank_count; ++row)
      all[row] = {squared_distance(queries.data<float>() + query * features, bank.data<float>() + row * features, features), row};
    std::sort(all.begin(), all.end());
    store(all.data(), k, result.distances.data<float>() + query * k, result.rows.data<int64_t>() + query * k);
  }
  return result;
}

}  // namespace mode
