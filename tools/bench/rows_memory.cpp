// Memory-bound ops. Bytes: each argument read once, each result written once. A kernel that must read twice (BatchNorm needs its statistics
// first) reaches 100 % only where the second read comes from a cache.

#include "mode/detectors/regions.h"
#include "tensor/ops/batch_norm.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/pool2d.h"
#include "tensor/ops/region_pool.h"
#include "tensor/ops/softmax.h"
#include "tools/bench/measure.h"

namespace bench {
namespace {

namespace ops = tensor::ops;

struct MapShape {
  const char* name;  // "CHANNELS@EDGE"
  int64_t batch, edge, channels;
};
const MapShape maps[] = {{"64@32", 64, 32, 64}, {"512@4", 64, 4, 512}, {"16@32", 128, 32, 16}};

struct Norm {
  tensor::Tensor x, residual, gamma, beta, dy;
  ops::BatchNormParams params{.relu = true};
};

Norm make_norm(const MapShape& map, bool with_residual) {
  const tensor::Shape shape = {map.batch, map.edge, map.edge, map.channels}, row = {map.channels};
  return {random_tensor(shape, 1), with_residual ? random_tensor(shape, 2) : tensor::Tensor(), random_tensor(row, 3), random_tensor(row, 4),
          random_tensor(shape, 5)};
}

void add_batch_norm(std::vector<Row>& rows, const MapShape& map, bool with_residual) {
  const double size = 4.0 * static_cast<double>(map.batch * map.edge * map.edge * map.channels);
  const std::string end = std::string(with_residual ? "-relu-residual/" : "-relu/") + map.name;
  rows.push_back({.name = "batch_norm/forward" + end, .bytes = size * (with_residual ? 3 : 2), .memory_bound = true, .prepare = [=] {
                    return [n = make_norm(map, with_residual)] { ops::batch_norm(n.x, n.gamma, n.beta, n.residual, n.params); };
                  }});
  rows.push_back({.name = "batch_norm/backward" + end, .bytes = size * (with_residual ? 5 : 4), .memory_bound = true, .prepare = [=] {
                    const Norm n = make_norm(map, with_residual);
                    const ops::BatchNormResult kept = ops::batch_norm(n.x, n.gamma, n.beta, n.residual, n.params);
                    return [=] { ops::batch_norm_grad(n.x, n.gamma, kept.mean, kept.rstd, kept.y, n.dy, n.params, with_residual); };
                  }});
}

}  // namespace

std::vector<Row> memory_rows() {
  std::vector<Row> rows;
  for (const MapShape& map : maps)
    for (const bool with_residual : {false, true}) add_batch_norm(rows, map, with_residual);

  const tensor::Shape map = {64, 32, 32, 64};
  const double size = 4.0 * static_cast<double>(map.numel());
  const auto add = [&](const char* name, double bytes, std::function<std::function<void()>()> prepare) {
    rows.push_back({.name = name, .bytes = bytes, .memory_bound = true, .prepare = std::move(prepare)});
  };
  add("elementwise/add/64@32", 3 * size, [=] { return [a = random_tensor(map, 1), b = random_tensor(map, 2)] { ops::add(a, b); }; });
  add("elementwise/relu/64@32", 2 * size, [=] { return [x = random_tensor(map, 1)] { ops::relu(x); }; });
  add("elementwise/exp/64@32", 2 * size, [=] { return [x = random_tensor(map, 1)] { ops::exp(x); }; });
  add("softmax/16384x256", 2 * 4.0 * 16384 * 256, [] { return [x = random_tensor({16384, 256}, 1)] { ops::softmax(x); }; });
  add("max_pool2d/3x3-stride2/64@32", size * 1.5, [=] {  // y and its argmax are a quarter each
    return [x = random_tensor(map, 1)] { ops::max_pool2d(x, {.kernel = 3, .stride = 2, .padding = 1}); };
  });
  const tensor::Shape last = {512, 4, 4, 512};
  const double last_size = 4.0 * static_cast<double>(last.numel());
  add("region_pool/global/512@4", last_size * (1 + 1.0 / 16), [=] {
    return [x = random_tensor(last, 1)] { ops::region_pool(x, {{0, 0, 4, 4}}); };
  });
  add("region_pool/six-scales/512@4", last_size * (1 + 6.0 / 16),
      [=] { return [x = random_tensor(last, 1), rects = mode::rects_of(mode::csd_scales(4, 4))] { ops::region_pool(x, rects); }; });
  return rows;
}

}  // namespace bench
