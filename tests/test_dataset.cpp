// Datasets by name, and one-line errors for every fault.

#include "nn/data/dataset.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <map>
#include <set>
#include <thread>
#include <tuple>

#include "nn/data/resize.h"
#include "tests/errors.h"
#include "tests/image_files.h"
#include "tests/ordinary_user.h"
#include "tests/temporary.h"

namespace {

using files::Bytes;
using nn::open_dataset;

void expect_error(const std::string& spec, const std::vector<std::string>& parts, int64_t size = 32) {
  const std::string error = message_of([&] { open_dataset(spec, {size}); });
  for (const std::string& part : parts) EXPECT_NE(error.find(part), std::string::npos) << spec << " gave: " << error;
  EXPECT_EQ(error.find('\n'), std::string::npos);
}

std::vector<uint8_t> read(const nn::Dataset& dataset, int64_t index) {
  std::vector<uint8_t> pixels(dataset.image_size() * dataset.image_size() * 3);
  dataset.read(index, pixels.data());
  return pixels;
}

const std::string class_names = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";

void write_cifar10(const TemporaryDirectory& folder, const std::string& below = "") {
  for (int batch = 1; batch <= 5; ++batch)
    folder.write(below + "data_batch_" + std::to_string(batch) + ".bin",
                 files::cifar_records({static_cast<uint8_t>(batch), 9, 0}, 1, static_cast<uint64_t>(10 * batch)));
  folder.write(below + "test_batch.bin", files::cifar_records({3, 4}, 1, 7));
  folder.write(below + "batches.meta.txt", class_names);
}

TEST(DataSpec, IsParsed) {
  const nn::DataSpec spec = nn::parse_data_spec("folder:a/b?c:d?limit=3&seed=4");
  EXPECT_EQ(spec.kind, "folder");
  EXPECT_EQ(spec.location, "a/b?c:d");
  EXPECT_EQ(spec.options, (std::vector<std::pair<std::string, std::string>>{{"limit", "3"}, {"seed", "4"}}));
  EXPECT_TRUE(nn::parse_data_spec("synthetic:").location.empty());
  EXPECT_TRUE(nn::parse_data_spec("folder:x?").options.empty());
}

TEST(DataSpec, Faults) {
  expect_error("images", {"KIND:LOCATION", "cifar10, cifar100, svhn, folder, list, synthetic"});
  expect_error(":x", {"KIND:LOCATION"});
  expect_error("", {"KIND:LOCATION"});
  expect_error("imagenet:x", {"unknown kind 'imagenet'", "cifar10, cifar100, svhn, folder, list, synthetic"});
  expect_error("synthetic:shapes?color=red", {"unknown option 'color'", "split, seed, size, limit"});
  expect_error("synthetic:shapes?seed=1&seed=2", {"'seed' occurs twice"});
  expect_error("synthetic:shapes?seed", {"'seed' is not an option", "key=value"});
  expect_error("synthetic:shapes?split=val", {"split=val", "train, test"});
  for (const char* bad : {"0", "-3", "2x", "1e3", "99999999999999999999"})
    expect_error(std::string("synthetic:shapes?limit=") + bad, {"limit=", "integer from 1"});
  expect_error("cifar10:x?size=1", {"unknown option 'size'", "split, limit, seed"});
  expect_error("synthetic:shapes", {"an edge of 1 to 4096"}, 0);
}

TEST(Cifar10, RecordsAreImagesInOrder) {
  const TemporaryDirectory folder;
  write_cifar10(folder);
  const auto train = open_dataset("cifar10:" + folder.path());
  ASSERT_EQ(train->size(), 15);
  EXPECT_EQ(train->classes(), 10);
  EXPECT_EQ(train->class_names()[9], "truck");
  EXPECT_EQ(train->image_size(), 32);
  for (int64_t i = 0; i < 15; ++i) EXPECT_EQ(train->label(i), i % 3 == 0 ? i / 3 + 1 : i % 3 == 1 ? 9 : 0);
  EXPECT_EQ(train->image_name(0), "data_batch_1.bin#0");
  EXPECT_EQ(train->image_name(14), "data_batch_5.bin#2");
  const Bytes planes = files::random_bytes(3072, 21);  // batch 2, record 1
  const std::vector<uint8_t> pixels = read(*train, 4);
  for (size_t at = 0; at < 1024; ++at)
    for (size_t channel = 0; channel < 3; ++channel) ASSERT_EQ(pixels[3 * at + channel], planes[channel * 1024 + at]);
  const auto test = open_dataset("cifar10:" + folder.path() + "?split=test");
  EXPECT_EQ(test->size(), 2);
  EXPECT_EQ(test->label(1), 4);
  EXPECT_THROW(test->label(2), tensor::Error);
  EXPECT_THROW(test->image_name(-1), tensor::Error);
  EXPECT_EQ(read(*open_dataset("cifar10:" + folder.path(), {20}), 4).size(), 1200u);
}

TEST(Cifar10, ParentFolderLimitAndAbsentNames) {
  const TemporaryDirectory folder;
  write_cifar10(folder, "cifar-10-batches-bin/");
  std::filesystem::remove(folder.path() + "/cifar-10-batches-bin/batches.meta.txt");
  const auto limited = open_dataset("cifar10:" + folder.path() + "?limit=4");
  EXPECT_EQ(limited->size(), 4);
  EXPECT_EQ(limited->image_name(3), "data_batch_2.bin#0");
  EXPECT_EQ(limited->class_names()[9], "9");
  EXPECT_EQ(open_dataset("cifar10:" + folder.path() + "?limit=400")->size(), 15);
  const auto chosen = open_dataset("cifar10:" + folder.path() + "?limit=7&seed=3");  // of each of 0 .. 5 and 9 one
  std::set<int64_t> labels;
  for (int64_t i = 0; i < chosen->size(); ++i) labels.insert(chosen->label(i));
  EXPECT_EQ(labels, (std::set<int64_t>{0, 1, 2, 3, 4, 5, 9}));
}

TEST(Cifar100, FineLabels) {
  const TemporaryDirectory folder;
  folder.write("test.bin", files::cifar_records({99, 0, 42}, 2, 3));
  std::string names;
  for (int i = 0; i < 100; ++i) names += "name" + std::to_string(i) + "\r\n";
  folder.write("fine_label_names.txt", names);
  const auto test = open_dataset("cifar100:" + folder.path() + "?split=test");
  ASSERT_EQ(test->size(), 3);
  EXPECT_EQ(test->label(0), 99);
  EXPECT_EQ(test->label(2), 42);
  EXPECT_EQ(test->class_names()[42], "name42");
  expect_error("cifar100:" + folder.path(), {"train.bin", "no file"});
}

TEST(Cifar, Faults) {
  const TemporaryDirectory folder;
  write_cifar10(folder);
  const std::string spec = "cifar10:" + folder.path(), file = "data_batch_3.bin";
  expect_error("cifar10:" + folder.path() + "/nowhere", {"no such folder", "nowhere"});
  expect_error("cifar10:", {"no such folder"});
  const Bytes whole = files::cifar_records({1, 2, 3}, 1, 5);
  for (size_t eighth = 1; eighth < 8; ++eighth) {
    const size_t size = whole.size() * eighth / 8;
    folder.write(file, Bytes(whole.begin(), whole.begin() + static_cast<long>(size)));
    expect_error(spec, {file, fmt::format("{} bytes, {} whole records", size, size / 3073), "10000 records of 3073 bytes"});
  }
  folder.write(file, Bytes());
  expect_error(spec, {file, "is empty"});
  Bytes longer = whole;
  longer.push_back(0);
  folder.write(file, longer);
  expect_error(spec, {file, "1 further bytes"});
  std::filesystem::resize_file(folder.path() + "/" + file, 50'001ull * 3073);
  expect_error(spec, {file, "50001 records", "more than any file"});
  Bytes bad_label = whole;
  bad_label[2 * 3073] = 10;
  folder.write(file, bad_label);
  expect_error(spec, {file, "record 2 has label 10", "0 to 9"});
  folder.write(file, files::random_bytes(3073 * 20, 12));
  expect_error(spec, {file, "has label"});
  std::filesystem::remove(folder.path() + "/" + file);
  expect_error(spec, {"no file", file});
  std::filesystem::create_directory(folder.path() + "/" + file);
  expect_error(spec, {"no file", file});
  std::filesystem::remove(folder.path() + "/" + file);
  folder.write(file, whole);
  folder.write("batches.meta.txt", "cat\ndog\n");
  expect_error(spec, {"batches.meta.txt", "2 class names", "expected 10"});
}

// a: 6 images, b: 3, c: 1 (in a nested folder), and files that are not images.
void write_classes(const TemporaryDirectory& folder) {
  for (int i = 0; i < 6; ++i)
    folder.write(fmt::format("a/{}.png", i), files::rgb_png(32, 32, files::random_bytes(3072, static_cast<uint64_t>(i))));
  for (int i = 0; i < 3; ++i) folder.write(fmt::format("b/{}.JPEG", i), files::jpeg_bytes(20, 30, files::gradient(20, 30)));
  folder.write("c/deeper/odd name.jpg", files::rgb_png(3, 2, files::random_bytes(18, 4)));  // a PNG all the same
  folder.write("a/notes.txt", "not an image");
  folder.write("README", "");
  folder.write("b/.hidden.png", "garbage");
  folder.write(".cache/x.png", "garbage");
}

TEST(Folder, AClassPerSubFolder) {
  const TemporaryDirectory folder;
  write_classes(folder);
  const auto dataset = open_dataset("folder:" + folder.path());
  ASSERT_EQ(dataset->size(), 10);
  EXPECT_EQ(dataset->class_names(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(dataset->ignored_files(), 2);
  EXPECT_EQ(dataset->image_name(2), "a/2.png");
  EXPECT_EQ(dataset->image_name(9), "c/deeper/odd name.jpg");
  EXPECT_EQ(dataset->label(5), 0);
  EXPECT_EQ(dataset->label(6), 1);
  EXPECT_EQ(dataset->label(9), 2);
  for (int repeat = 0; repeat < 2; ++repeat) EXPECT_EQ(read(*dataset, 3), files::random_bytes(3072, 3));
  EXPECT_EQ(read(*dataset, 9), nn::resize({3, 2, files::random_bytes(18, 4)}, 32, 32).pixels);  // squashed to the square
  EXPECT_THROW(read(*dataset, 10), tensor::Error);
}

TEST(Folder, Flat) {
  const TemporaryDirectory folder;
  for (const char* name : {"z.png", "a.png", "m"}) folder.write(name, files::rgb_png(1, 1, {1, 2, 3}));
  folder.write("empty_folder/notes.txt", "nothing");
  const auto dataset = open_dataset("folder:" + folder.path() + "/", {5});
  ASSERT_EQ(dataset->size(), 3);
  EXPECT_EQ(dataset->image_name(0), "a.png");
  EXPECT_EQ(dataset->image_name(1), "m");
  EXPECT_EQ(dataset->label(0), -1);
  EXPECT_EQ(dataset->classes(), 0);
  EXPECT_EQ(read(*dataset, 0)[74], 3);
}

TEST(Folder, LimitTakesTheClassesInTurn) {
  const TemporaryDirectory folder;
  write_classes(folder);
  for (const auto& [limit, counts] : std::map<int, std::vector<int>>{{3, {1, 1, 1}}, {5, {2, 2, 1}}, {8, {4, 3, 1}}, {100, {6, 3, 1}}}) {
    const std::string spec = fmt::format("folder:{}?limit={}", folder.path(), limit);
    const auto dataset = open_dataset(spec), again = open_dataset(spec);
    std::vector<int> got(3);
    std::set<std::string> names;
    for (int64_t i = 0; i < dataset->size(); ++i) {
      ++got[dataset->label(i)];
      names.insert(dataset->image_name(i));
      EXPECT_EQ(dataset->image_name(i), again->image_name(i));
    }
    EXPECT_EQ(got, counts) << "limit " << limit;
    EXPECT_EQ(static_cast<int64_t>(names.size()), dataset->size());
    EXPECT_EQ(dataset->classes(), 3);
  }
  std::set<std::string> choices;
  for (int seed = 0; seed < 20; ++seed)
    choices.insert(open_dataset(fmt::format("folder:{}?limit=3&seed={}", folder.path(), seed))->image_name(0));
  EXPECT_GE(choices.size(), 4u);
}

TEST(Folder, Faults) {
  const TemporaryDirectory folder;
  const std::string spec = "folder:" + folder.path();
  expect_error(spec, {"has no PNG or JPEG files", folder.path()});
  folder.write("notes.txt", "text");
  expect_error(spec, {"has no PNG or JPEG files", "1 other"});
  expect_error(spec + "/notes.txt", {"no such folder"});
  expect_error(spec + "/none", {"no such folder", "none"});
  folder.write("a/1.png", files::rgb_png(1, 1, {0, 0, 0}));
  std::filesystem::create_directory(folder.path() + "/b");
  expect_error(spec, {"class folder", "/b has no PNG or JPEG"});
  folder.write("b/2.png", files::rgb_png(1, 1, {0, 0, 0}));
  EXPECT_EQ(open_dataset(spec)->size(), 2);
  folder.write("3.png", files::rgb_png(1, 1, {0, 0, 0}));
  expect_error(spec, {"images both at its top", "3.png"});
  std::filesystem::remove(folder.path() + "/3.png");
  folder.write("b/3.jpg", "this is text");
  expect_error(spec, {"b/3.jpg", "neither PNG nor JPEG"});
  folder.write("b/3.jpg", "");
  expect_error(spec, {"b/3.jpg", "is empty"});
  Bytes cut = files::rgb_png(9, 9, files::random_bytes(243, 1));
  cut.resize(cut.size() / 2);
  folder.write("b/3.jpg", cut);
  const auto dataset = open_dataset(spec);
  const std::string error = message_of([&] { read(*dataset, 2); });
  EXPECT_NE(error.find("b/3.jpg"), std::string::npos) << error;
  EXPECT_NE(error.find("truncated"), std::string::npos) << error;
}

TEST(Folder, NotReadable) {
  const TemporaryDirectory folder;
  write_classes(folder);
  const OrdinaryUser user(folder);
  EXPECT_EQ(open_dataset("folder:" + folder.path())->size(), 10);
  ASSERT_EQ(chmod((folder.path() + "/b").c_str(), 0), 0);
  expect_error("folder:" + folder.path(), {"cannot read folder", "/b", "ermission"});
  ASSERT_EQ(chmod((folder.path() + "/b").c_str(), 0700), 0);
  ASSERT_EQ(chmod((folder.path() + "/a/0.png").c_str(), 0), 0);
  expect_error("folder:" + folder.path(), {"a/0.png", "ermission"});
}

TEST(Folder, ManyThreadsReadTheSame) {
  const TemporaryDirectory folder;
  write_classes(folder);
  const auto dataset = open_dataset("folder:" + folder.path()), alone = open_dataset("folder:" + folder.path());
  std::vector<std::vector<std::vector<uint8_t>>> got(4);
  std::vector<std::thread> threads;
  for (auto& mine : got)
    threads.emplace_back([&mine, &dataset] {
      for (int64_t i = 0; i < dataset->size(); ++i) mine.push_back(read(*dataset, i));
    });
  for (std::thread& thread : threads) thread.join();
  for (int64_t i = 0; i < alone->size(); ++i)
    for (const auto& mine : got) ASSERT_EQ(mine[i], read(*alone, i));
}

TEST(Subset, ByIndices) {
  const TemporaryDirectory folder;
  write_cifar10(folder);
  const std::shared_ptr<const nn::Dataset> whole = open_dataset("cifar10:" + folder.path());
  const auto part = nn::subset(whole, {14, 0, 0, 7});
  ASSERT_EQ(part->size(), 4);
  EXPECT_EQ(part->label(0), whole->label(14));
  EXPECT_EQ(part->image_name(3), whole->image_name(7));
  EXPECT_EQ(read(*part, 2), read(*whole, 0));
  EXPECT_EQ(part->class_names(), whole->class_names());
  EXPECT_EQ(nn::subset(whole, {})->size(), 0);
  EXPECT_NE(message_of([&] { nn::subset(whole, {15}); }).find("got index 15"), std::string::npos);
  EXPECT_THROW(part->label(4), tensor::Error);
}

TEST(RealData, AsLaidOut) {
  const char* data = std::getenv("MODE_DATA");
  if (data == nullptr) GTEST_SKIP() << "MODE_DATA does not name a folder with real images";
  const std::string folder = data;
  const auto test = open_dataset("cifar10:" + folder + "?split=test");
  EXPECT_EQ(test->size(), 10'000);
  EXPECT_EQ(test->class_names().front(), "airplane");
  EXPECT_EQ(open_dataset("cifar10:" + folder + "?limit=10001")->image_name(10'000), "data_batch_2.bin#0");
  EXPECT_EQ(open_dataset("cifar100:" + folder + "?split=test")->size(), 5'000);
  for (const auto& [name, size, classes] : std::vector<std::tuple<std::string, int64_t, int64_t>>{
           {"tiny_imagenet", 2000, 0}, {"streetview_chars", 3000, 0}, {"textures", 1200, 10}, {"scenes", 2000, 0}, {"mnist", 1500, 10}}) {
    const auto dataset = open_dataset("folder:" + folder + "/" + name);
    EXPECT_EQ(dataset->size(), size) << name;
    EXPECT_EQ(dataset->classes(), classes) << name;
    EXPECT_EQ(dataset->ignored_files(), 0) << name;
    for (int64_t i = 0; i < size; i += 97) EXPECT_EQ(message_of([&] { read(*dataset, i); }), "") << name;
  }
}

}  // namespace
