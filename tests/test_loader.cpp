// Batches: complete, in an order drawn from (seed, epoch), normalized, augmented; every thread ends.

#include "nn/data/loader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <map>
#include <set>
#include <thread>
#include <tuple>

#include "tests/errors.h"
#include "tests/image_files.h"

namespace {

using nn::Batch;
using nn::Loader;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Every byte of image i is i modulo 256; its label is i % 7. Reading image `broken` fails.
class Plain : public nn::Dataset {
 public:
  explicit Plain(int64_t size, int64_t edge = 4) : size_(size) {
    framing_.size = edge;
    spec_ = "plain";
  }
  int64_t size() const override { return size_; }
  int64_t label(int64_t index) const override { return index % 7; }
  std::string image_name(int64_t index) const override { return std::to_string(index); }
  void read(int64_t index, uint8_t* pixels) const override {
    if (index == broken) throw tensor::Error("image is broken");
    if (pause_ms > 0 && reads >= quick) std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
    ++reads;
    std::fill(pixels, pixels + image_size() * image_size() * 3, static_cast<uint8_t>(index));
  }
  int64_t broken = -1;
  int pause_ms = 0;
  int64_t quick = 0;  ///< number of reads without a delay
  mutable std::atomic<int64_t> reads = 0;

 private:
  int64_t size_;
};

nn::LoaderOptions options_for(int64_t batch, int64_t edge = 4) {
  nn::LoaderOptions options;
  options.batch = batch;
  options.preprocessing.size = edge;
  return options;
}

std::vector<int64_t> ids_of(Loader& loader) {
  std::vector<int64_t> ids;
  for (const Batch& batch : loader) ids.insert(ids.end(), batch.ids.data<int64_t>(), batch.ids.data<int64_t>() + batch.size());
  return ids;
}
std::vector<int64_t> ids_of(const nn::Dataset& dataset, const nn::LoaderOptions& options) {
  Loader loader(dataset, options);
  return ids_of(loader);
}

TEST(Loader, EveryImageOnceNormalized) {
  const Plain dataset(23);
  nn::LoaderOptions options = options_for(5);
  options.preprocessing.mean[1] = 0.25;
  options.preprocessing.std[1] = 0.5;
  Loader loader(dataset, options);
  EXPECT_EQ(loader.batches(), 5);
  std::set<int64_t> seen;
  std::vector<int64_t> sizes;
  for (const Batch& batch : loader) {
    sizes.push_back(batch.size());
    ASSERT_EQ(batch.images.shape().to_string(), tensor::Shape({batch.size(), 4, 4, 3}).to_string());
    for (int64_t i = 0; i < batch.size(); ++i) {
      const int64_t id = batch.ids.data<int64_t>()[i];
      EXPECT_TRUE(seen.insert(id).second);
      EXPECT_EQ(batch.labels.data<int64_t>()[i], id % 7);
      for (int64_t at = 0; at < 48; ++at) {
        const double mean = options.preprocessing.mean[at % 3], std = options.preprocessing.std[at % 3];
        ASSERT_FLOAT_EQ(batch.images.data<float>()[i * 48 + at], static_cast<float>((static_cast<double>(id) / 255 - mean) / std));
      }
    }
  }
  EXPECT_EQ(sizes, (std::vector<int64_t>{5, 5, 5, 5, 3}));
  EXPECT_EQ(seen.size(), 23u);
}

TEST(Loader, OrderIsOfSeedAndEpochAlone) {
  const Plain dataset(101);
  nn::LoaderOptions options = options_for(8);
  const std::vector<int64_t> first = ids_of(dataset, options);
  EXPECT_EQ(ids_of(dataset, options), first);
  nn::LoaderOptions other = options;
  other.batch = 50;
  EXPECT_EQ(ids_of(dataset, other), first);
  other.epoch = 1;
  const std::vector<int64_t> second = ids_of(dataset, other);
  EXPECT_NE(second, first);
  other = options;
  other.seed = 2;
  EXPECT_NE(ids_of(dataset, other), first);
  EXPECT_EQ(std::set<int64_t>(second.begin(), second.end()).size(), 101u);
  other.shuffle = false;
  std::vector<int64_t> sorted = first;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(ids_of(dataset, other), sorted);
  EXPECT_NE(sorted, first);
}

TEST(Loader, ShuffleIsUniform) {
  const Plain dataset(5);
  std::map<int64_t, int> count;  // of (position, image)
  nn::LoaderOptions options = options_for(5);
  constexpr int epochs = 2000;
  for (options.epoch = 0; options.epoch < epochs; ++options.epoch) {
    const std::vector<int64_t> ids = ids_of(dataset, options);
    for (int64_t i = 0; i < 5; ++i) ++count[i * 5 + ids[i]];
  }
  for (int64_t cell = 0; cell < 25; ++cell) EXPECT_NEAR(count[cell], epochs / 5, 5 * std::sqrt(epochs * 0.2 * 0.8)) << cell;
}

TEST(Loader, DropLastFirstBatchAndSmallDatasets) {
  const Plain dataset(23);
  nn::LoaderOptions options = options_for(5);
  const std::vector<int64_t> all = ids_of(dataset, options);
  options.drop_last = true;
  Loader dropping(dataset, options);
  EXPECT_EQ(dropping.batches(), 4);
  EXPECT_EQ(ids_of(dropping), std::vector<int64_t>(all.begin(), all.begin() + 20));
  EXPECT_EQ(ids_of(dropping), std::vector<int64_t>(all.begin(), all.begin() + 20)) << "a second pass";
  options.first_batch = 3;
  EXPECT_EQ(ids_of(dataset, options), std::vector<int64_t>(all.begin() + 15, all.begin() + 20));
  options.first_batch = 4;
  EXPECT_TRUE(ids_of(dataset, options).empty());
  EXPECT_EQ(ids_of(Plain(1), options_for(128)), std::vector<int64_t>{0});
  EXPECT_TRUE(ids_of(Plain(0), options_for(128)).empty());
}

TEST(Loader, BadOptions) {
  const Plain dataset(23);
  const auto fault = [&](auto change) {
    nn::LoaderOptions options = options_for(5);
    change(options);
    return message_of([&] { Loader loader(dataset, options); });
  };
  EXPECT_NE(fault([](auto& o) { o.batch = 0; }).find("at least 1"), std::string::npos);
  EXPECT_NE(fault([](auto& o) { o.preprocessing.size = 32; }).find("has 4 x 4"), std::string::npos);
  EXPECT_NE(fault([](auto& o) { o.preprocessing.std[2] = 0; }).find("std positive"), std::string::npos);
  EXPECT_NE(fault([](auto& o) { o.preprocessing.mean[0] = NAN; }).find("must be finite"), std::string::npos);
  EXPECT_NE(fault([](auto& o) { o.batch = 24, o.drop_last = true; }).find("less than one batch of 24"), std::string::npos);
  EXPECT_NE(fault([](auto& o) { o.first_batch = 6; }).find("first batch 6"), std::string::npos);
  EXPECT_NE(fault([](auto& o) { o.views = 0; }).find("0 views"), std::string::npos);
  EXPECT_NE(fault([](auto& o) { o.workers = 65; }).find("65 workers"), std::string::npos);
  EXPECT_NE(message_of([] { nn::crop_and_flip(-1); }).find("padding of -1"), std::string::npos);
}

TEST(Loader, ErrorsAreRethrownByTheLoop) {
  Plain dataset(40);
  dataset.broken = 17;
  nn::LoaderOptions options = options_for(5);
  options.shuffle = false;
  int batches = 0;
  const std::string error = message_of([&] {
    for (const Batch& batch : Loader(dataset, options)) batches += batch.size() == 5;
  });
  EXPECT_EQ(error, "image is broken");
  EXPECT_EQ(batches, 3);  // what was whole before it
}

TEST(Loader, BreakingTheLoopStopsReading) {
  Plain dataset(100'000);
  dataset.pause_ms = 100;
  dataset.quick = 60;  // the first batch; the others would take 6 seconds each
  const auto start = std::chrono::steady_clock::now();
  for (const Batch& batch : Loader(dataset, options_for(60))) {
    EXPECT_EQ(batch.size(), 60);
    break;
  }
  { const Loader never_begun(dataset, options_for(60)); }
  EXPECT_LT(seconds_since(start), 3);
  EXPECT_LE(dataset.reads, 90);
}

TEST(Loader, PrefetchIsBounded) {
  const Plain dataset(1000);
  Loader loader(dataset, options_for(10));
  auto iterator = loader.begin();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_GE(dataset.reads, 20);
  EXPECT_LE(dataset.reads, 60);  // one in the loop, three ready, one in the making
  ++iterator;
}

TEST(CropAndFlip, IsAShiftWithOrWithoutAFlip) {
  constexpr int64_t edge = 9, pad = 2;
  const std::vector<uint8_t> source = [] {
    std::vector<uint8_t> pixels = files::random_bytes(edge * edge * 3, 6);
    for (uint8_t& value : pixels) value = std::max<uint8_t>(value, 1);
    return pixels;
  }();
  const nn::Augment augment = nn::crop_and_flip(pad);
  std::map<std::tuple<int64_t, int64_t, bool>, int> count;
  constexpr int draws = 10'000;
  for (int64_t draw = 0; draw < draws; ++draw) {
    std::vector<uint8_t> pixels(source.size());
    augment(source.data(), edge, pixels.data(), edge, {3, draw % 100, draw / 100});
    // The center pixel gives the shift; then every pixel is compared.
    bool found = false;
    for (int64_t up = -pad; up <= pad && !found; ++up)
      for (int64_t left = -pad; left <= pad && !found; ++left)
        for (const bool flip : {false, true}) {
          bool same = true;
          for (int64_t row = 0; row < edge && same; ++row)
            for (int64_t column = 0; column < edge && same; ++column)
              for (int64_t channel = 0; channel < 3 && same; ++channel) {
                const int64_t r = row + up, c = (flip ? edge - 1 - column : column) + left;
                const uint8_t expected = r >= 0 && r < edge && c >= 0 && c < edge ? source[(r * edge + c) * 3 + channel] : 0;
                same = pixels[(row * edge + column) * 3 + channel] == expected;
              }
          if (!same) continue;
          ++count[{up, left, flip}];
          found = true;
          break;
        }
    ASSERT_TRUE(found) << "draw " << draw;
  }
  EXPECT_EQ(count.size(), 50u);
  const double expected = draws / 50.0;
  double chi_squared = 0;
  for (const auto& [cell, number] : count) chi_squared += (number - expected) * (number - expected) / expected;
  EXPECT_LE(chi_squared, 100);  // 49 degrees of freedom: mean 49, standard deviation 10
}

TEST(CropAndFlip, DependsOnTheKeyAlone) {
  const std::vector<uint8_t> source = files::random_bytes(32 * 32 * 3, 1);
  const auto augmented = [&](nn::AugmentKey key) {
    std::vector<uint8_t> pixels(source.size());
    nn::crop_and_flip()(source.data(), 32, pixels.data(), 32, key);
    return pixels;
  };
  EXPECT_EQ(augmented({1, 2, 3}), augmented({1, 2, 3}));
  int different = 0;
  for (int64_t i = 0; i < 10; ++i)
    different += (augmented({1, 2, i}) != augmented({1, 2, i + 1})) + (augmented({1, i, 3}) != augmented({1, i + 1, 3})) +
                 (augmented({static_cast<uint64_t>(i), 2, 3}) != augmented({static_cast<uint64_t>(i + 1), 2, 3}));
  EXPECT_GE(different, 26);
  // Padding wider than the image gives black crops now and then; an image of one pixel is valid.
  const std::vector<uint8_t> pixel = {5, 6, 7};
  int black = 0;
  for (int64_t i = 0; i < 50; ++i) {
    std::vector<uint8_t> out(3);
    nn::crop_and_flip(3)(pixel.data(), 1, out.data(), 1, {1, 1, i});
    black += out == std::vector<uint8_t>{0, 0, 0};
    EXPECT_TRUE(out == pixel || out == (std::vector<uint8_t>{0, 0, 0}));
  }
  EXPECT_GE(black, 40);  // 48 of 49 places
}

TEST(Loader, AugmentsByEpochAndImage) {
  const Plain dataset(6, 32);
  nn::LoaderOptions options = options_for(6, 32);
  options.shuffle = false;
  options.augment = nn::crop_and_flip();
  const auto images = [&](int64_t epoch) {
    options.epoch = epoch;
    Loader loader(dataset, options);
    return (*loader.begin()).images.to_vector();
  };
  EXPECT_EQ(images(0), images(0));
  EXPECT_NE(images(0), images(1));
}

/// The content of all batches of an epoch, in order.
std::vector<double> epoch_of(const nn::Dataset& dataset, const nn::LoaderOptions& options) {
  std::vector<double> all;
  for (const Batch& batch : Loader(dataset, options))
    for (const tensor::Tensor& part : {batch.images, batch.labels, batch.ids}) {
      const std::vector<double> values = part.to_vector();
      all.insert(all.end(), values.begin(), values.end());
    }
  return all;
}

TEST(Loader, BatchesDoNotDependOnTheNumberOfWorkers) {
  const Plain dataset(103, 8);
  nn::LoaderOptions options = options_for(10, 8);
  options.augment = nn::augment_by_name("contrastive");
  options.views = 2;
  options.first_batch = 2;
  const std::vector<double> one = epoch_of(dataset, options);
  EXPECT_EQ(one.size(), 83u * (2 * 8 * 8 * 3 + 2));
  for (const int workers : {0, 2, 7, 64}) {
    options.workers = workers;
    EXPECT_EQ(epoch_of(dataset, options), one) << workers;
  }
}

TEST(Loader, ViewsAreOrderedViewByView) {
  const Plain dataset(5, 16);
  nn::LoaderOptions options = options_for(5, 16);
  options.views = 3;
  const nn::Augment augment = options.augment = nn::crop_and_flip();
  const Batch batch = *Loader(dataset, options).begin();
  ASSERT_EQ(batch.images.dim(0), 15);
  ASSERT_EQ(batch.size(), 5);
  std::vector<uint8_t> source(16 * 16 * 3), pixels(source.size());
  for (int64_t view = 0; view < 3; ++view)
    for (int64_t i = 0; i < 5; ++i) {
      const int64_t id = batch.ids.data<int64_t>()[i];
      dataset.read(id, source.data());
      augment(source.data(), 16, pixels.data(), 16, {options.seed, 0, id, view});
      const float* row = batch.images.data<float>() + (view * 5 + i) * 16 * 16 * 3;
      for (size_t at = 0; at < pixels.size(); ++at) {
        const double mean = options.preprocessing.mean[at % 3], std = options.preprocessing.std[at % 3];
        ASSERT_FLOAT_EQ(row[at], static_cast<float>((pixels[at] / 255.0 - mean) / std));
      }
    }
}

TEST(Loader, ALargerImageNeedsAnAugmentation) {
  const Plain dataset(5, 16);
  nn::LoaderOptions options = options_for(5, 12);
  EXPECT_NE(message_of([&] { Loader(dataset, options); }).find("has 16 x 16"), std::string::npos);
  options.augment = nn::augment_by_name("imagenet");
  EXPECT_EQ((*Loader(dataset, options).begin()).images.dim(1), 12);
  options.preprocessing.size = 17;
  EXPECT_NE(message_of([&] { Loader(dataset, options); }).find("or a larger one"), std::string::npos);
}

TEST(Loader, TheFirstErrorIsThrownAtItsBatch) {
  Plain dataset(60);
  dataset.broken = 47;
  nn::LoaderOptions options = options_for(5);
  options.shuffle = false;
  options.workers = 6;
  for (int round = 0; round < 20; ++round) {
    int batches = 0;
    EXPECT_EQ(message_of([&] {
                for (const Batch& batch : Loader(dataset, options)) batches += batch.size() == 5;
              }),
              "image is broken");
    EXPECT_EQ(batches, 9) << round;
  }
}

// Reading an image takes one millisecond: one worker makes 1000 images per second, four make 4000, and the loop hardly waits.
TEST(Loader, MoreWorkersReduceWaiting) {
  Plain dataset(240);
  dataset.pause_ms = 1;
  double waited[2];
  for (const int workers : {1, 6}) {
    nn::LoaderOptions options = options_for(10);
    options.workers = workers;
    Loader loader(dataset, options);
    for (auto batch = loader.begin(); batch != loader.end(); ++batch) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    waited[workers > 1] = loader.seconds_waited();
  }
  EXPECT_GT(waited[0], 0.05);  // about 23 x (10 - 5) ms
  EXPECT_LT(waited[1], waited[0] / 2);
}

// A lower bound far below the 30,000 images per second of one idle core; prints the measured rate.
TEST(Loader, Throughput) {
  const Plain dataset(20'000, 32);
  nn::LoaderOptions options = options_for(128, 32);
  options.augment = nn::crop_and_flip();
  const auto start = std::chrono::steady_clock::now();
  int64_t images = 0;
  for (const Batch& batch : Loader(dataset, options)) images += batch.size();
  const double rate = static_cast<double>(images) / seconds_since(start);
  RecordProperty("images_per_second", static_cast<int>(rate));
  fmt::print("{:.0f} images/s\n", rate);
  EXPECT_EQ(images, 20'000);
  EXPECT_GE(rate, 1000);
}

}  // namespace
