// maths    with unit v^_i[r] = v_i[r] / |v_i[r]| and G_j = v_j v_j^T, no resampled picture is needed: for attention row p = A_ij[r]
//            c = (p . w) / sqrt(p . G_j p),  w = v_j v^_i[r]
//          and backward, with dc, x = dc / |A v_j|, y = c / |A v_j| and u = G_j p
//            dscore = p x (w - y u)     dw = x p     2 dG_j -= x y p p^T     (p . dp = 0: a cosine does not see p's length)
// shapes   q, k, v (N,R,C) -> S (N,N)
// cost     two products of (N R)^2 C forward, six backward (two of them again), each 2 (N R)^2 C flop; scratch: packed copies of q, k, v,
// eight
//          sums of (N R)(2 C + R), three tiles of about 96 x 96 a thread
// parallel forward: a block of anchors owns its rows of S. Backward: a slice of anchor blocks owns dq and dv^ of its anchors and adds dk,
// dv
//          and dG of all pictures to sums of its own, which are added in order of the slices
// numerics scores shifted by their row maximum; everything in T
#include <algorithm>
#include <cmath>
#include <vector>

#include "mode/alpa.h"
#include "tensor/check.h"
#include "tensor/device.h"
#include "tensor/isa.h"
#include "tensor/ops/exp.h"
#include "tensor/parallel.h"

namespace mode {
namespace {

constexpr int64_t tile_anchors = 96;  // about as many rows and columns as a tile has: three tiles stay in the second-level cache
constexpr int64_t most_slices = 8;
constexpr double smallest_norm = 1e-8, logsum_sharpness = 6;

struct AlpaShape {
  int64_t pictures, regions, width;  // N, R, C
  int64_t block_pictures;            // of a block of anchors
  int64_t anchors;                   // columns of a tile: the block's regions, rounded up to whole panels
  int64_t padded_width;              // C rounded up to whole panels
  int64_t blocks() const { return (pictures + block_pictures - 1) / block_pictures; }
};
struct AlpaBlock {
  int64_t no, first, pictures;
};
// Packed operands. q comes divided by sqrt C. "anchors": (block, panel, C, width); "panels": (panel, N R, width).
template <class T>
struct AlpaProblem {
  AlpaShape shape;
  const T *k, *v, *gram;
  const T *q_anchors, *unit_anchors;
  const T *q_panels, *k_panels, *v_panels, *unit_panels;  // backward only
};
template <class T>
struct AlpaScratch {
  T *p, *w, *u, *cosine, *inverse_norm, *line;
};
template <class T>
struct AlpaSums {
  T *dq, *dunit, *dk, *dv;  // (N R, padded C) each
};

#define KERNEL_FILE "mode/alpa_kernel.inl"
#include "tensor/for_each_isa.h"

/// Everything that both passes prepare.
template <class T>
class Alpa {
 public:
  Alpa(const Tensor& q, const Tensor& k, const Tensor& v, bool backward) : dtype_(q.dtype()) {
    panel_ = SELECT_ISA(columns_of_panel<T>)();
    AlpaShape& shape = problem_.shape;
    shape = {q.dim(0), q.dim(1), q.dim(2), 0, 0, 0};
    shape.block_pictures = std::clamp<int64_t>(tile_anchors / shape.regions, 1, shape.pictures);
    shape.anchors = rounded_up(shape.block_pictures * shape.regions);
    shape.padded_width = rounded_up(shape.width);
    const int64_t rows = shape.pictures * shape.regions, c = shape.width;

    Tensor scaled_q({rows, c}, dtype_), unit({rows, c}, dtype_), gram({shape.pictures, shape.regions, shape.regions}, dtype_);
    inverse_norms_.resize(static_cast<size_t>(rows));
    const T *from_q = q.data<T>(), *from_v = v.data<T>();
    T *to_q = scaled_q.data<T>(), *to_unit = unit.data<T>(), *to_gram = gram.data<T>();
    scale_ = static_cast<T>(1 / std::sqrt(static_cast<double>(c)));
    tensor::parallel_for(shape.pictures, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin * shape.regions; row < end * shape.regions; ++row) {
        const T* vector = from_v + row * c;
        double square = 0;
        for (int64_t e = 0; e < c; ++e) square += static_cast<double>(vector[e]) * static_cast<double>(vector[e]);
        const double norm = std::sqrt(square);
        const T inverse = norm < smallest_norm ? T(0) : static_cast<T>(1 / norm);
        inverse_norms_[static_cast<size_t>(row)] = inverse;
        for (int64_t e = 0; e < c; ++e) {
          to_unit[row * c + e] = vector[e] * inverse;
          to_q[row * c + e] = from_q[row * c + e] * scale_;
        }
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
    problem_.gram = to_gram;
    problem_.q_anchors = keep(as_anchors(scaled_q));
    problem_.unit_anchors = keep(as_anchors(unit));
    if (backward) {
      problem_.q_panels = keep(as_panels(to_q));
      problem_.k_panels = keep(as_panels(problem_.k));
      problem_.v_panels = keep(as_panels(from_v));
      problem_.unit_panels = keep(as_panels(to_unit));
    }
    keep(gram);
    unit_ = unit;
    const int64_t tile = shape.block_pictures * shape.regions * shape.anchors, lines = (2 * shape.block_pictures + 1) * shape.anchors;
    scratch_ = Tensor({tensor::num_threads(), 3 * tile + lines}, dtype_);
  }

  const AlpaShape& shape() const { return problem_.shape; }
  AlpaBlock block(int64_t no) const {
    const int64_t first = no * shape().block_pictures;
    return {no, first, std::min(shape().block_pictures, shape().pictures - first)};
  }
  /// Of the calling thread.
  AlpaScratch<T> scratch() {
    const int64_t tile = shape().block_pictures * shape().regions * shape().anchors, lines = shape().block_pictures * shape().anchors;
    T* data = scratch_.data<T>() + tensor::thread_index() * scratch_.dim(1);
    return {data, data + tile, data + 2 * tile, data + 3 * tile, data + 3 * tile + lines, data + 3 * tile + 2 * lines};
  }
  const AlpaProblem<T>& problem() const { return problem_; }
  T scale() const { return scale_; }
  const T* unit() const { return unit_.data<T>(); }
  T inverse_norm(int64_t row) const { return inverse_norms_[static_cast<size_t>(row)]; }

 private:
  int64_t rounded_up(int64_t n) const { return (n + panel_ - 1) / panel_ * panel_; }
  const T* keep(Tensor tensor) {
    kept_.push_back(std::move(tensor));
    return kept_.back().template data<T>();
  }
  // (N R, C) -> (block, panel, C, width), zeros behind a block's end.
  Tensor as_anchors(const Tensor& x) const {
    const AlpaShape& s = shape();
    Tensor packed({s.blocks(), s.anchors / panel_, s.width, panel_}, dtype_);
    const T* from = x.data<T>();
    T* to = packed.data<T>();
    tensor::parallel_for(s.blocks(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t no = begin; no < end; ++no) {
        const AlpaBlock here = block(no);
        const int64_t first = here.first * s.regions, count = here.pictures * s.regions;
        for (int64_t a = 0; a < s.anchors; ++a)
          for (int64_t e = 0; e < s.width; ++e)
            to[((no * (s.anchors / panel_) + a / panel_) * s.width + e) * panel_ + a % panel_] =
                a < count ? from[(first + a) * s.width + e] : T(0);
      }
    });
    return packed;
  }
  // (N R, C) -> (panel, N R, width), zeros behind C.
  Tensor as_panels(const T* from) const {
    const AlpaShape& s = shape();
    const int64_t rows = s.pictures * s.regions;
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
  int64_t panel_ = 0;
  AlpaProblem<T> problem_ = {};
  std::vector<Tensor> kept_;
  std::vector<T> inverse_norms_;  // of v's rows
  Tensor unit_, scratch_;
  T scale_ = 0;
};

/// agg over R cosines; where `dc` is not null, dc[r] = ds dagg/dc[r].
template <class T>
T aggregated(const T* cosine, int64_t regions, AlpaAggregate aggregate, T ds, T* dc) {
  const T largest = *std::max_element(cosine, cosine + regions);
  T sum = 0;
  switch (aggregate) {
    case AlpaAggregate::mean:
    case AlpaAggregate::sum: {
      const T weight = aggregate == AlpaAggregate::mean ? 1 / static_cast<T>(regions) : T(1);
      for (int64_t r = 0; r < regions; ++r) sum += cosine[r];
      if (dc != nullptr) std::fill(dc, dc + regions, ds * weight);
      return sum * weight;
    }
    case AlpaAggregate::max:
      if (dc != nullptr) {
        std::fill(dc, dc + regions, T(0));
        dc[std::max_element(cosine, cosine + regions) - cosine] = ds;
      }
      return largest;
    case AlpaAggregate::logsum:
      break;
  }
  constexpr T sharpness = static_cast<T>(logsum_sharpness);
  for (int64_t r = 0; r < regions; ++r) sum += std::exp(sharpness * (cosine[r] - largest));
  if (dc != nullptr)
    for (int64_t r = 0; r < regions; ++r) dc[r] = ds * std::exp(sharpness * (cosine[r] - largest)) / sum;
  return largest + std::log(sum) / sharpness;
}

}  // namespace

namespace cpu {
namespace {

template <class T>
Tensor pairs(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate) {
  Alpa<T> alpa(q, k, v, /*backward=*/false);
  const AlpaShape& shape = alpa.shape();
  const int64_t n = shape.pictures;
  Tensor s({n, n}, q.dtype());
  T* out = s.data<T>();
  const auto forward = SELECT_ISA(forward_tile<T>);
  tensor::parallel_for(shape.blocks(), 1, [&](int64_t begin, int64_t end) {
    AlpaScratch<T> scratch = alpa.scratch();
    for (int64_t no = begin; no < end; ++no) {
      const AlpaBlock block = alpa.block(no);
      for (int64_t other = 0; other < shape.blocks(); ++other) {
        const AlpaBlock pictures = alpa.block(other);
        forward(alpa.problem(), block, pictures.first, pictures.pictures, scratch);
        for (int64_t j = 0; j < pictures.pictures; ++j)
          for (int64_t i = 0; i < block.pictures; ++i)
            out[(block.first + i) * n + pictures.first + j] =
                aggregated<T>(scratch.cosine + j * shape.anchors + i * shape.regions, shape.regions, aggregate, T(0), nullptr);
      }
    }
  });
  return s;
}

template <class T>
AlpaGradients pairs_grad(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate, const Tensor& ds) {
  Alpa<T> alpa(q, k, v, /*backward=*/true);
  const AlpaShape& shape = alpa.shape();
  const int64_t n = shape.pictures, rows = n * shape.regions, pitch = shape.padded_width, c = shape.width,
                r2 = shape.regions * shape.regions;
  const int64_t slices = std::min(most_slices, shape.blocks());
  Tensor dq_sum = Tensor::zeros({rows, pitch}, q.dtype()), dunit = Tensor::zeros({rows, pitch}, q.dtype());
  Tensor dk_sums = Tensor::zeros({slices, rows, pitch}, q.dtype()), dv_sums = Tensor::zeros({slices, rows, pitch}, q.dtype());
  Tensor gram_sums = Tensor::zeros({slices, n, r2}, q.dtype());
  const T* ds_data = ds.data<T>();
  T *dq_at = dq_sum.data<T>(), *dunit_at = dunit.data<T>(), *dk_at = dk_sums.data<T>(), *dv_at = dv_sums.data<T>(),
    *gram_at = gram_sums.data<T>();

  const auto forward = SELECT_ISA(forward_tile<T>);
  const auto attend_back = SELECT_ISA(attend_grad<T>);
  const auto spread = SELECT_ISA(spread_gradients<T>);
  tensor::parallel_for(slices, 1, [&](int64_t slice, int64_t) {
    AlpaScratch<T> scratch = alpa.scratch();
    const AlpaSums<T> sums = {dq_at, dunit_at, dk_at + slice * rows * pitch, dv_at + slice * rows * pitch};
    for (int64_t no = slice * shape.blocks() / slices; no < (slice + 1) * shape.blocks() / slices; ++no) {
      const AlpaBlock block = alpa.block(no);
      for (int64_t other = 0; other < shape.blocks(); ++other) {
        const AlpaBlock pictures = alpa.block(other);
        forward(alpa.problem(), block, pictures.first, pictures.pictures, scratch);
        for (int64_t j = 0; j < pictures.pictures; ++j) {
          const int64_t picture = pictures.first + j;
          std::fill(scratch.line, scratch.line + shape.anchors, T(0));
          for (int64_t i = 0; i < block.pictures; ++i)
            aggregated<T>(scratch.cosine + j * shape.anchors + i * shape.regions, shape.regions, aggregate,
                          ds_data[(block.first + i) * n + picture], scratch.line + i * shape.regions);
          attend_back(shape, j, scratch, gram_at + (slice * n + picture) * r2);
        }
        spread(alpa.problem(), block, pictures.first, pictures.pictures, scratch, sums);
      }
    }
  });

  AlpaGradients gradients = {Tensor(q.shape(), q.dtype()), Tensor(k.shape(), k.dtype()), Tensor(v.shape(), v.dtype())};
  T *dq = gradients.dq.template data<T>(), *dk = gradients.dk.template data<T>(), *dv = gradients.dv.template data<T>();
  const T *v_data = v.data<T>(), *unit = alpa.unit();
  tensor::parallel_for(n, 1, [&](int64_t picture, int64_t) {
    T* gram = gram_at + picture * r2;  // slice 0's takes the sum; only the lower triangle is there
    for (int64_t slice = 1; slice < slices; ++slice)
      for (int64_t at = 0; at < r2; ++at) gram[at] += gram_at[(slice * n + picture) * r2 + at];
    for (int64_t r = 0; r < shape.regions; ++r) {
      const int64_t row = picture * shape.regions + r;
      T product = 0;
      for (int64_t e = 0; e < c; ++e) product += dunit_at[row * pitch + e] * unit[row * c + e];
      for (int64_t e = 0; e < c; ++e) {
        T sum_k = 0, sum_v = 0;
        for (int64_t slice = 0; slice < slices; ++slice) {
          sum_k += dk_at[(slice * rows + row) * pitch + e];
          sum_v += dv_at[(slice * rows + row) * pitch + e];
        }
        dq[row * c + e] = dq_at[row * pitch + e] * alpa.scale();
        dk[row * c + e] = sum_k;
        // dv^/dv = (1 - v^ v^^T) / |v|
        dv[row * c + e] = sum_v + (dunit_at[row * pitch + e] - product * unit[row * c + e]) * alpa.inverse_norm(row);
      }
      for (int64_t t = 0; t < shape.regions; ++t) {
        const T weight = t <= r ? gram[r * shape.regions + t] : gram[t * shape.regions + r];
        for (int64_t e = 0; e < c; ++e) dv[row * c + e] += weight * v_data[(picture * shape.regions + t) * c + e];
      }
    }
  });
  return gradients;
}

Tensor alpa_pairs(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate) {
  return tensor::dispatch_floating(q.dtype(), [&](auto zero) { return pairs<decltype(zero)>(q, k, v, aggregate); });
}

AlpaGradients alpa_pairs_grad(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate, const Tensor& ds) {
  return tensor::dispatch_floating(q.dtype(), [&](auto zero) { return pairs_grad<decltype(zero)>(q, k, v, aggregate, ds); });
}

}  // namespace
}  // namespace cpu

namespace {

void check_arguments(const Tensor& q, const Tensor& k, const Tensor& v) {
  CHECK(q.rank() == 3 && q.numel() > 0, "alpa: expected q of shape (pictures, regions, width), none of them 0, got {}",
        q.shape().to_string());
  CHECK_SAME(q, k);
  CHECK_SAME(q, v);
}

}  // namespace

Tensor alpa_pairs(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate) {
  check_arguments(q, k, v);
  DISPATCH_CPU(q, alpa_pairs, q, k, v, aggregate);
}

AlpaGradients alpa_pairs_grad(const Tensor& q, const Tensor& k, const Tensor& v, AlpaAggregate aggregate, const Tensor& ds) {
  check_arguments(q, k, v);
  CHECK_SHAPE(ds, {q.dim(0), q.dim(0)});
  DISPATCH_CPU(q, alpa_pairs_grad, q, k, v, aggregate, ds);
}

}  // namespace mode
