// SVHN and its MAT-files, and one-line errors for every fault.

#include <map>

#include "nn/data/dataset.h"
#include "nn/data/resize.h"
#include "tests/errors.h"
#include "tests/mat_files.h"
#include "tests/temporary.h"

namespace {

using files::Bytes;
using nn::open_dataset;

std::vector<uint8_t> read(const nn::Dataset& dataset, int64_t index) {
  std::vector<uint8_t> pixels(dataset.image_size() * dataset.image_size() * 3);
  dataset.read(index, pixels.data());
  return pixels;
}

const Bytes labels = {1, 10, 9, 10, 5, 5, 5, 1};
const Bytes pixels = files::random_bytes(3072 * labels.size(), 1);
Bytes image(size_t no) { return {pixels.begin() + static_cast<long>(no * 3072), pixels.begin() + static_cast<long>(no * 3072 + 3072)}; }

TEST(Svhn, ImagesInOrder) {
  const TemporaryDirectory folder;
  for (const bool compressed : {false, true}) {
    const std::string path = folder.write("train_32x32.mat", files::mat_file(files::svhn_arrays(pixels, labels), compressed));
    const auto dataset = open_dataset("svhn:" + path);
    ASSERT_EQ(dataset->size(), 8);
    ASSERT_EQ(dataset->classes(), 10);
    EXPECT_EQ(dataset->class_names()[0], "0");
    for (int64_t i = 0; i < 8; ++i) {
      EXPECT_EQ(dataset->label(i), labels[i] % 10);
      EXPECT_EQ(read(*dataset, i), image(i));
    }
    EXPECT_EQ(dataset->image_name(7), "train_32x32.mat#7");
    EXPECT_EQ(read(*open_dataset("svhn:" + path, {20}), 2), nn::resize({32, 32, image(2)}, 20, 20).pixels);
    EXPECT_THROW(dataset->label(8), tensor::Error);
  }
}

TEST(Svhn, LimitAndSeed) {
  const TemporaryDirectory folder;
  const std::string spec = "svhn:" + folder.write("x.mat", files::mat_file(files::svhn_arrays(pixels, labels), true));
  const auto first = open_dataset(spec + "?limit=3");
  ASSERT_EQ(first->size(), 3);
  EXPECT_EQ(read(*first, 2), image(2));
  EXPECT_EQ(open_dataset(spec + "?limit=300")->size(), 8);
  std::map<std::string, int> names;
  for (int seed = 0; seed < 20; ++seed) {
    const auto chosen = open_dataset(fmt::format("{}?limit=4&seed={}", spec, seed));
    ASSERT_EQ(chosen->size(), 4);
    std::map<int64_t, int> count;
    for (int64_t i = 0; i < 4; ++i) {
      ++count[chosen->label(i)];
      const std::string name = chosen->image_name(i);
      ++names[name];
      EXPECT_EQ(read(*chosen, i), image(name.back() - '0'));
    }
    EXPECT_EQ(count, (std::map<int64_t, int>{{0, 1}, {1, 1}, {5, 1}, {9, 1}})) << "seed " << seed;
  }
  EXPECT_EQ(names.size(), 8u);  // every image in some choice
}

TEST(Svhn, OtherArraysTypesAndOneImage) {
  const TemporaryDirectory folder;
  std::vector<files::MatArray> arrays = files::svhn_arrays(pixels, labels);
  Bytes doubles;
  for (const uint8_t label : labels) {
    const double value = label;
    const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
    doubles.insert(doubles.end(), bytes, bytes + 8);
  }
  arrays[1] = {"y", files::class_double, {1, 8}, files::mat_double, doubles};
  arrays.insert(arrays.begin(), {"meta", 2, {1, 1}, files::mat_int32, {7, 0, 0, 0}});  // a struct, not looked into
  EXPECT_EQ(open_dataset("svhn:" + folder.write("x.mat", files::mat_file(arrays, true)))->label(2), 9);
  arrays[2] = {"y", files::class_double, {8, 1}, files::mat_uint8, labels};  // doubles stored as bytes, as MATLAB does
  EXPECT_EQ(open_dataset("svhn:" + folder.write("x.mat", files::mat_file(arrays, false)))->label(1), 0);
  arrays = files::svhn_arrays(image(3), {10});  // y is part of its tag
  arrays[0].shape.pop_back();
  const auto one = open_dataset("svhn:" + folder.write("x.mat", files::mat_file(arrays, false)));
  ASSERT_EQ(one->size(), 1);
  EXPECT_EQ(one->label(0), 0);
  EXPECT_EQ(read(*one, 0), image(3));
}

TEST(Svhn, Faults) {
  const TemporaryDirectory folder;
  const std::string path = folder / "x.mat";
  const auto expect = [&](const Bytes& file, const std::string& part) {
    folder.write("x.mat", file);
    expect_error([&] { open_dataset("svhn:" + path); }, part);
    EXPECT_NE(message_of([&] { open_dataset("svhn:" + path); }).find("x.mat"), std::string::npos);
  };
  expect_error([&] { open_dataset("svhn:" + path); }, "no file");
  expect_error([&] { open_dataset("svhn:" + path + "?split=test"); }, "unknown option 'split'; known: limit, seed");
  expect({}, "at least 128");
  expect(Bytes(500, 0), "not that of a Level 5 MAT-file");
  expect(files::mat_header("MATLAB 7.3 MAT-file, Platform: GLNXA64"), "MAT 7.3");
  expect({0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'}, "HDF5");
  Bytes file = files::mat_file({}, false);
  expect(file, "no array 'X' (arrays: none)");
  std::swap(file[126], file[127]);
  expect(file, "big-endian");

  const std::vector<files::MatArray> sound = files::svhn_arrays(pixels, labels);
  auto arrays = sound;
  arrays[1].name = "z";
  expect(files::mat_file(arrays, true), "no array 'y' (arrays: 'X', 'z')");
  arrays[1].name = "X";
  expect(files::mat_file(arrays, true), "two arrays 'X'");
  arrays = sound;
  arrays[0].shape = {32, 3, 32, 8};
  expect(files::mat_file(arrays, true), "X has shape (32, 3, 32, 8)");
  arrays[0].shape = {32, 32, 3, 9};
  expect(files::mat_file(arrays, true), "9 images, but y has 8");
  arrays[0].shape = {32, 32, 3, 0x7fffffff};
  expect(files::mat_file(arrays, true), "out of range");
  arrays[0].shape = {32, 32, 3, 600'000};
  arrays[1].shape = {600'000, 1};
  expect(files::mat_file(arrays, true), "'y' has 600000 numbers, but 8 bytes");
  arrays[1].shape = {-8, -1};
  expect(files::mat_file(arrays, true), "out of range");
  arrays = sound;
  arrays[0].array_class = files::class_double;
  expect(files::mat_file(arrays, true), "'X' does not have class uint8");
  arrays[0].array_class = 4;
  expect(files::mat_file(arrays, true), "does not hold real numbers");
  arrays = sound;
  arrays[1].flags = 8;
  expect(files::mat_file(arrays, true), "does not hold real numbers");
  for (const uint8_t bad : {0, 11, 255}) {
    arrays = sound;
    arrays[1].data[3] = bad;
    expect(files::mat_file(arrays, false), fmt::format("label {} of image 3", bad));
  }
}

// A truncated file, a flipped bit of a compressed file (by its checksum) and a flipped bit in the structure of a plain file are errors,
// never a crash. Flips in the title, in unused words of a tag and in padding may stay undetected.
TEST(Svhn, TruncatedAndDamagedFiles) {
  const TemporaryDirectory folder;
  const std::string spec = "svhn:" + folder / "x.mat";
  for (const bool compressed : {false, true}) {
    const Bytes whole = files::mat_file(files::svhn_arrays(image(0), {7}), compressed);
    for (size_t size = 0; size < whole.size(); size += size < 300 ? 3 : 397) {
      folder.write("x.mat", Bytes(whole.begin(), whole.begin() + static_cast<long>(size)));
      EXPECT_NE(message_of([&] { open_dataset(spec); }), "") << size;
    }
    int undetected = 0;
    for (size_t bit = 0; bit < whole.size() * 8; bit += bit < 128 * 8 ? 37 : bit < 330 * 8 ? 7 : 2003) {
      Bytes bytes = whole;
      bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      folder.write("x.mat", bytes);
      std::string message;
      try {
        const auto dataset = open_dataset(spec);
        if (bit >= 128 * 8 && (compressed || read(*dataset, 0) == image(0))) ++undetected;
      } catch (const tensor::Error& error) {
        message = error.what();
      }
      EXPECT_EQ(message.find('\n'), std::string::npos);
    }
    EXPECT_LE(undetected, compressed ? 2 : 20);
  }
}

// Sizes that a few bytes claim are not allocated.
TEST(Svhn, BombsAreRefused) {
  const TemporaryDirectory folder;
  Bytes body = files::mat_array({"X", files::class_uint8, {32, 32, 3, 600'000}, files::mat_uint8, {}});
  body[body.size() - 8] = files::mat_uint8;
  for (int byte = 0; byte < 4; ++byte) body[body.size() - 4 + byte] = static_cast<uint8_t>(1'843'200'000u >> 8 * byte);
  Bytes y = files::mat_array({"y", files::class_uint8, {600'000, 1}, files::mat_uint8, Bytes(600'000, 1)});
  Bytes file = files::mat_header();
  for (const Bytes& element : {files::compressed_element(body), files::compressed_element(y)})
    file.insert(file.end(), element.begin(), element.end());
  folder.write("x.mat", file);
  expect_error([&] { open_dataset("svhn:" + folder / "x.mat"); }, "1843200000 bytes of type 2");
}

}  // namespace
