// The two kernels of ALPA by mode/README.md, eq. (9) and (10); the derivation is in alpa.cpp.
//
// cost     products of (N R)^2 C FLOP each: 3 forward, 9 backward (3 of them recomputed); (N R)^2 exp in each pass. Scratch: packed copies of
//          q, k, v; backward up to six partial sums of (N R)(3 C + R); three tiles of about 96 x 96 per thread
// parallel over blocks of images. Every pair of blocks is owned by one of the two (partners). Forward: the owner writes both directions of S.
//          Backward: a slice of blocks adds to its own partial sums, and slices are added in index order
// numerics scores minus their row maximum; all arithmetic in T. Where the v_j cancel, |A v_j| below about 1e-3 |v_j|, p . G_j p and its
//          cosine keep few digits in f32. The threshold of 1e-8 on norms is absolute
#include <algorithm>
#include <cmath>
#include <vector>

#include "mode/alpa/alpa.h"
#include "tensor/isa.h"
#include "tensor/math.h"
#include "tensor/ops/exp.h"
#include "tensor/parallel.h"

namespace mode {
namespace {

constexpr int64_t tile_anchors = 96;  // about the rows and columns of a tile: three tiles fit the second-level cache
constexpr int64_t most_slices = 6;

struct AlpaShape {
  int64_t images, regions, width;  // N, R, C
  int64_t block_images;            // images of a block of anchors
  int64_t anchors;                 // columns of a tile: the block's regions, rounded up to whole panels
  int64_t padded_width;            // C rounded up to whole panels
  int64_t blocks() const { return tensor::ceil_div(images, block_images); }
};
struct AlpaBlock {
  int64_t index, first, images;
  int64_t row, rows;  // of the N R local vectors
};
// Packed operands. q is divided by sqrt C. "anchors": (block, panel, C, panel width); "panels": (panel, N R, panel width).
template <class T>
struct AlpaProblem {
  AlpaShape shape;
  const T *k, *v, *gram;
  const T* anchor_scale;  // 1 / |v| per anchor, (block, anchors); 0 for a vector below the smallest norm and for padding
  const T *q_anchors, *v_anchors;
  const T *q_panels, *k_panels, *v_panels;  // backward only
};
template <class T>
struct AlpaScratch {
  T *scores, *products, *transposed;     // tiles: rows are regions of images, columns anchors
  T* u;                                  // G e of one image, (regions, anchors)
  T *cosine, *inverse_norm, *workspace;  // one number per anchor
};
template <class T>
struct AlpaSums {
  T *dq, *dk, *dv;  // (N R, padded C) each
  T* dgram;         // 2 dG, lower triangles, (N, R, R)
  T* radial;        // sum of dc c per anchor, (block, anchors)
};
template <class T>
struct AlpaKernels {
  int64_t panel_width;
  void (*compute_scores)(const AlpaProblem<T>&, const AlpaBlock& anchors, const AlpaBlock& images, T* scores);
  void (*compute_products)(const AlpaProblem<T>&, const AlpaBlock& anchors, const AlpaBlock& images, T* products);
  void (*transpose)(const AlpaShape&, int64_t rows, int64_t columns, const T* from, T* to);
  void (*attention_forward)(const AlpaProblem<T>&, const AlpaBlock& anchors, int64_t image, T* scores, const T* products,
                            const AlpaScratch<T>&);
  void (*attention_backward)(const AlpaProblem<T>&, const AlpaBlock& anchors, int64_t image, T* e, T* products, const AlpaScratch<T>&,
                             const AlpaSums<T>&);
  void (*add_dq_dk)(const AlpaProblem<T>&, const AlpaBlock& anchors, const AlpaBlock& images, const T* dscores, const AlpaSums<T>&);
  void (*add_dv)(const AlpaProblem<T>&, const AlpaBlock& anchors, const AlpaBlock& images, T* dproducts, const T* transposed,
                 const AlpaSums<T>&);
};

#define KERNEL_FILE "mode/alpa/alpa_kernel.inl"
#include "tensor/for_each_isa.h"

/// Packed operands, blocks and scratch of both passes.
template <class T>
class Alpa {
 public:
  Alpa(const Tensor& q, const Tensor& k, const Tensor& v, bool backward)
      : kernels(SELECT_ISA(alpa_kernels<T>)()), dtype_(q.dtype()), panel_(kernels.panel_width) {
    AlpaShape& shape = problem_.shape;
    shape.images = q.dim(0);
    shape.regions = q.dim(1);
    shape.width = q.dim(2);
    shape.block_images = std::clamp<int64_t>(tile_anchors / shape.regions, 1, shape.images);
    shape.anchors = tensor::round_up(shape.block_images * shape.regions, panel_);
    shape.padded_width = tensor::round_up(shape.width, panel_);
    const int64_t rows = shape.images * shape.regions, c = shape.width;

    Tensor scaled_q({rows, c}, dtype_), gram({shape.images, shape.regions, shape.regions}, dtype_);
    Tensor anchor_scale = Tensor::zeros({shape.blocks(), shape.anchors}, dtype_);
    const T *from_q = q.data<T>(), *from_v = v.data<T>();
    T *to_q = scaled_q.data<T>(), *to_gram = gram.data<T>(), *to_scale = anchor_scale.data<T>();
    scale_ = static_cast<T>(1 / std::sqrt(static_cast<double>(c)));
    tensor::parallel_for(shape.images, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin * shape.regions; row < end * shape.regions; ++row) {
        const T* vector = from_v + row * c;
        double square = 0;
        for (int64_t e = 0; e < c; ++e) square += static_cast<double>(vector[e]) * static_cast<double>(vector[e]);
        const double norm = std::sqrt(square);
        to_scale[anchor(row)] = norm < alpa_smallest_norm ? T(0) : static_cast<T>(1 / norm);
        for (int64_t e = 0; e < c; ++e) to_q[row * c + e] = from_q[row * c + e] * scale_;
        const int64_t first = row / shape.regions * shape.regions;
        for (int64_t other = first; other <= row; ++other) {
          T sum = 0;
          for (int64_t e = 0; e < c; ++e) sum += vector[e] * from_v[other * c + e];
          to_gram[row * shape.regions + other - first] = to_gram[other * shape.regions + row - first] = sum;
        }
      }
    });
    problem_.k = k.data<T>();
    problem_.v = from_v;
    problem_.gram = keep(gram);
    problem_.anchor_scale = keep(anchor_scale);
    problem_.q_anchors = keep(as_anchors(to_q));
    problem_.v_anchors = keep(as_anchors(from_v));
    if (backward) {
      problem_.q_panels = keep(as_panels(to_q));
      problem_.k_panels = keep(as_panels(problem_.k));
      problem_.v_panels = keep(as_panels(from_v));
    }
    const int64_t tile = shape.block_images * shape.regions * shape.anchors;
    scratch_ = Tensor({tensor::num_threads(), 3 * tile + (shape.regions + 3) * shape.anchors}, dtype_);
  }

  const AlpaShape& shape() const { return problem_.shape; }
  AlpaBlock block(int64_t index) const {
    const int64_t first = index * shape().block_images, images = std::min(shape().block_images, shape().images - first);
    return {.index = index, .first = first, .images = images, .row = first * shape().regions, .rows = images * shape().regions};
  }
  /// A block owns its pairs with this many blocks index, index + 1, .. (modulo the count), so that each pair has exactly one owner.
  int64_t partners(int64_t index) const {
    const int64_t half = shape().blocks() / 2;
    return half + (shape().blocks() % 2 == 1 || index < half ? 1 : 0);
  }
  /// The position of row `row` of (N R) in (block, anchors).
  int64_t anchor(int64_t row) const {
    const int64_t of_block = shape().block_images * shape().regions;
    return row / of_block * shape().anchors + row % of_block;
  }
  /// The calling thread's scratch.
  AlpaScratch<T> scratch() {
    const int64_t tile = shape().block_images * shape().regions * shape().anchors, anchors = shape().anchors;
    T* data = scratch_.data<T>() + tensor::thread_index() * scratch_.dim(1);
    T* rows = data + 3 * tile;
    return {.scores = data,
            .products = data + tile,
            .transposed = data + 2 * tile,
            .u = rows + 3 * anchors,
            .cosine = rows,
            .inverse_norm = rows + anchors,
            .workspace = rows + 2 * anchors};
  }
  const AlpaProblem<T>& problem() const { return problem_; }
  T scale() const { return scale_; }
  const AlpaKernels<T> kernels;

 private:
  const T* keep(Tensor tensor) {
    kept_.push_back(std::move(tensor));
    return kept_.back().template data<T>();
  }
  // (N R, C) -> (block, panel, C, panel width), padded with zeros.
  Tensor as_anchors(const T* from) const {
    const AlpaShape& s = shape();
    Tensor packed({s.blocks(), s.anchors / panel_, s.width, panel_}, dtype_);
    T* to = packed.data<T>();
    tensor::parallel_for(s.blocks(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t index = begin; index < end; ++index) {
        const AlpaBlock here = block(index);
        for (int64_t a = 0; a < s.anchors; ++a)
          for (int64_t e = 0; e < s.width; ++e)
            to[((index * (s.anchors / panel_) + a / panel_) * s.width + e) * panel_ + a % panel_] =
                a < here.rows ? from[(here.row + a) * s.width + e] : T(0);
      }
    });
    return packed;
  }
  // (N R, C) -> (panel, N R, panel width), padded with zeros.
  Tensor as_panels(const T* from) const {
    const AlpaShape& s = shape();
    const int64_t rows = s.images * s.regions;
    Tensor packed({s.padded_width / panel_, rows, panel_}, dtype_);
    T* to = packed.data<T>();
    tensor::parallel_for(s.padded_width / panel_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t panel = begin; panel < end; ++panel)
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t at = 0; at < panel_; ++at)
            to[(panel * rows + row) * panel_ + at] = panel * panel_ + at < s.width ? from[row * s.width + panel * panel_ + at] : T(0);
    });
    return packed;
  }

  tensor::Dtype dtype_;
  int64_t panel_;
  AlpaProblem<T> problem_ = {};
  std::vector<Tensor> kept_;
  Tensor scratch_;
  T scale_ = 0;
};

}  // namespace

namespace cpu {
namespace {

template <class T>
Tensor pairs(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate) {
  Alpa<T> alpa(q, k, v, /*backward=*/false);
  const AlpaShape& shape = alpa.shape();
  const AlpaKernels<T>& kernels = alpa.kernels;
  const int64_t n = shape.images, step = shape.regions * shape.anchors;
  Tensor s({n, n}, q.dtype());
  T* out = s.data<T>();
  tensor::parallel_for(shape.blocks(), 1, [&](int64_t index, int64_t) {
    const AlpaScratch<T> scratch = alpa.scratch();
    const auto compare = [&](const AlpaBlock& anchors, const AlpaBlock& images, const T* products) {
      kernels.compute_scores(alpa.problem(), anchors, images, scratch.scores);
      for (int64_t j = 0; j < images.images; ++j) {
        kernels.attention_forward(alpa.problem(), anchors, images.first + j, scratch.scores + j * step, products + j * step, scratch);
        for (int64_t i = 0; i < anchors.images; ++i)
          out[(anchors.first + i) * n + images.first + j] =
              aggregate_cosines<T>(scratch.cosine + i * shape.regions, shape.regions, aggregate);
      }
    };
    const AlpaBlock block = alpa.block(index);
    for (int64_t distance = 0; distance < alpa.partners(index); ++distance) {
      const AlpaBlock other = alpa.block((index + distance) % shape.blocks());
      kernels.compute_products(alpa.problem(), block, other, scratch.products);
      compare(block, other, scratch.products);
      if (distance == 0) continue;
      kernels.transpose(shape, other.rows, block.rows, scratch.products, scratch.transposed);
      compare(other, block, scratch.transposed);
    }
  });
  return s;
}

template <class T>
AlpaGradients pairs_grad(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate, const Tensor& ds) {
  Alpa<T> alpa(q, k, v, /*backward=*/true);
  const AlpaShape& shape = alpa.shape();
  const AlpaKernels<T>& kernels = alpa.kernels;
  const int64_t n = shape.images, rows = n * shape.regions, pitch = shape.padded_width, c = shape.width,
                step = shape.regions * shape.anchors;
  const int64_t slices = std::min(most_slices, shape.blocks());
  const int64_t matrix = rows * pitch, grams = n * shape.regions * shape.regions;
  Tensor all_sums = Tensor::zeros({slices, 3 * matrix + grams + shape.blocks() * shape.anchors}, q.dtype());
  T* all_sums_data = all_sums.data<T>();
  const auto sums_of = [&](int64_t slice) -> AlpaSums<T> {
    T* data = all_sums_data + slice * all_sums.dim(1);
    return {.dq = data, .dk = data + matrix, .dv = data + 2 * matrix, .dgram = data + 3 * matrix, .radial = data + 3 * matrix + grams};
  };
  const T* ds_data = ds.data<T>();

  tensor::parallel_for(slices, 1, [&](int64_t slice, int64_t) {
    const AlpaScratch<T> scratch = alpa.scratch();
    const AlpaSums<T> sums = sums_of(slice);
    const auto compare = [&](const AlpaBlock& anchors, const AlpaBlock& images, T* products) {
      kernels.compute_scores(alpa.problem(), anchors, images, scratch.scores);
      for (int64_t j = 0; j < images.images; ++j) {
        const int64_t image = images.first + j;
        kernels.attention_forward(alpa.problem(), anchors, image, scratch.scores + j * step, products + j * step, scratch);
        std::fill(scratch.workspace, scratch.workspace + shape.anchors, T(0));
        for (int64_t i = 0; i < anchors.images; ++i)
          aggregate_cosines<T>(scratch.cosine + i * shape.regions, shape.regions, aggregate, ds_data[(anchors.first + i) * n + image],
                               scratch.workspace + i * shape.regions);
        kernels.attention_backward(alpa.problem(), anchors, image, scratch.scores + j * step, products + j * step, scratch, sums);
      }
      kernels.add_dq_dk(alpa.problem(), anchors, images, scratch.scores, sums);
    };
    for (int64_t index = slice * shape.blocks() / slices; index < (slice + 1) * shape.blocks() / slices; ++index) {
      const AlpaBlock block = alpa.block(index);
      for (int64_t distance = 0; distance < alpa.partners(index); ++distance) {
        const AlpaBlock other = alpa.block((index + distance) % shape.blocks());
        kernels.compute_products(alpa.problem(), block, other, scratch.products);
        if (distance > 0) {
          kernels.transpose(shape, other.rows, block.rows, scratch.products, scratch.transposed);
          compare(other, block, scratch.transposed);
        }
        compare(block, other, scratch.products);
        kernels.add_dv(alpa.problem(), block, other, scratch.products, distance > 0 ? scratch.transposed : nullptr, sums);
      }
    }
  });

  AlpaGradients gradients = {Tensor(q.shape(), q.dtype()), Tensor(k.shape(), k.dtype()), Tensor(v.shape(), v.dtype())};
  T *dq = gradients.dq.template data<T>(), *dk = gradients.dk.template data<T>(), *dv = gradients.dv.template data<T>();
  const T* v_data = v.data<T>();
  const AlpaSums<T> total = sums_of(0);
  tensor::parallel_for(n, 1, [&](int64_t image, int64_t) {
    const auto add_slices = [&](int64_t begin, int64_t count) {
      T* to = all_sums_data + begin;
      for (int64_t slice = 1; slice < slices; ++slice) {
        const T* from = to + slice * all_sums.dim(1);
        for (int64_t at = 0; at < count; ++at) to[at] += from[at];
      }
    };
    const int64_t first = image * shape.regions, r2 = shape.regions * shape.regions;
    for (int64_t m = 0; m < 3; ++m) add_slices(m * matrix + first * pitch, shape.regions * pitch);
    add_slices(3 * matrix + image * r2, r2);
    add_slices(3 * matrix + grams + alpa.anchor(first), shape.regions);
    const T* dgram = total.dgram + image * r2;  // only the lower triangle is summed
    for (int64_t r = 0; r < shape.regions; ++r) {
      const int64_t row = first + r;
      const T inverse = alpa.problem().anchor_scale[alpa.anchor(row)], shrink = total.radial[alpa.anchor(row)] * inverse * inverse;
      for (int64_t e = 0; e < c; ++e) {
        dq[row * c + e] = total.dq[row * pitch + e] * alpa.scale();
        dk[row * c + e] = total.dk[row * pitch + e];
        dv[row * c + e] = total.dv[row * pitch + e] - shrink * v_data[row * c + e];
      }
      for (int64_t t = 0; t < shape.regions; ++t) {
        const T weight = t <= r ? dgram[r * shape.regions + t] : dgram[t * shape.regions + r];
        for (int64_t e = 0; e < c; ++e) dv[row * c + e] += weight * v_data[(first + t) * c + e];
      }
    }
  });
  return gradients;
}

}  // namespace

Tensor alpa_pairs(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate) {
  return tensor::dispatch_floating(q.dtype(), [&](auto zero) { return pairs<decltype(zero)>(q, k, v, aggregate); });
}

AlpaGradients alpa_pairs_grad(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate, const Tensor& ds) {
  return tensor::dispatch_floating(q.dtype(), [&](auto zero) { return pairs_grad<decltype(zero)>(q, k, v, aggregate, ds); });
}

}  // namespace cpu

}  // namespace mode
