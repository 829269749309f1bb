// Folders in the layouts of ImageNet and Tiny-ImageNet, and lists of images; one-line errors for every fault.

#include <map>
#include <set>

#include "nn/data/dataset.h"
#include "nn/data/resize.h"
#include "tests/errors.h"
#include "tests/image_files.h"
#include "tests/temporary.h"

namespace {

using files::Bytes;
using nn::open_dataset;
using Names = std::vector<std::string>;

Bytes image(uint64_t no) { return files::rgb_png(8, 8, files::random_bytes(192, no)); }

Names names_of(const nn::Dataset& dataset) {
  Names names;
  for (int64_t i = 0; i < dataset.size(); ++i) names.push_back(fmt::format("{} {}", dataset.image_name(i), dataset.label(i)));
  return names;
}

void expect_fault(const std::string& spec, const std::string& part) {
  expect_error([&] { open_dataset(spec); }, part);
}

TEST(Layout, TinyImageNet) {
  const TemporaryDirectory folder;
  const std::string spec = "folder:" + folder.path();
  for (const char* id : {"n02", "n01", "n07"}) {
    folder.write(fmt::format("train/{0}/images/{0}_0.JPEG", id), image(1));
    folder.write(fmt::format("train/{0}/images/{0}_1.JPEG", id), image(2));
    folder.write(fmt::format("train/{0}/{0}_boxes.txt", id), "n_0.JPEG\t0\t0\t7\t7\n");
  }
  folder.write("val/images/val_0.JPEG", image(3));
  folder.write("val/images/val_1.JPEG", image(4));
  folder.write("val/val_annotations.txt", "val_1.JPEG\tn01\t0\t0\t7\t7\r\nval_0.JPEG\tn07\t0\t0\t7\t7\r\n");
  folder.write("test/images/test_0.JPEG", image(5));
  folder.write("wnids.txt", "n02\nn01\nn07\n");
  folder.write("words.txt", "n00\tentity\nn01\tgoldfish, Carassius auratus\nn07\ttoad\n");

  const auto train = open_dataset(spec + "?split=train");
  EXPECT_EQ(names_of(*train), (Names{"train/n01/images/n01_0.JPEG 0", "train/n01/images/n01_1.JPEG 0", "train/n02/images/n02_0.JPEG 1",
                                     "train/n02/images/n02_1.JPEG 1", "train/n07/images/n07_0.JPEG 2", "train/n07/images/n07_1.JPEG 2"}));
  EXPECT_EQ(train->class_names(), (Names{"goldfish, Carassius auratus", "n02", "toad"}));
  EXPECT_EQ(train->ignored_files(), 3);
  const auto val = open_dataset(spec + "?split=val");
  EXPECT_EQ(names_of(*val), (Names{"val/images/val_0.JPEG 2", "val/images/val_1.JPEG 0"}));
  EXPECT_EQ(val->class_names(), train->class_names());
  const auto test = open_dataset(spec + "?split=test");
  EXPECT_EQ(names_of(*test), (Names{"test/images/test_0.JPEG -1"}));
  EXPECT_EQ(test->classes(), 0);
  EXPECT_EQ(open_dataset(spec + "?split=train&limit=3&seed=4")->size(), 3);

  expect_fault(spec, "folder:DIR?split=train");
  expect_fault(spec + "?split=dev", "split=dev, expected one of train, val, test");
  folder.write("val/images/val_2.JPEG", image(6));
  expect_fault(spec + "?split=val", "val_annotations.txt has no line for val/images/val_2.JPEG");
  const std::string annotations = "val_1.JPEG\tn01\nval_0.JPEG\tn07\n";
  folder.write("val/val_annotations.txt", annotations + "val_2.JPEG\tn09\n");
  expect_fault(spec + "?split=val", "val_annotations.txt:3: class n09 has no sub-folder in train");
  folder.write("val/val_annotations.txt", annotations + "val_2.JPEG\tn01\nval_3.JPEG\tn01\n");
  expect_fault(spec + "?split=val", "val_annotations.txt:4: no image val/images/val_3.JPEG");
  folder.write("val/val_annotations.txt", annotations + "val_0.JPEG\tn01\n");
  expect_fault(spec + "?split=val", "val_annotations.txt:3: val_0.JPEG has a class already");
  for (const char* bad : {"val_2.JPEG", "\tn01", "val_2.JPEG\t\t0"}) {
    folder.write("val/val_annotations.txt", annotations + bad);
    expect_fault(spec + "?split=val", "val_annotations.txt:3: expected FILE, a tab and CLASS");
  }
  // Without train, the annotations define the classes.
  std::filesystem::remove_all(folder / "train");
  folder.write("val/val_annotations.txt", annotations + "val_2.JPEG\tn09\n");
  EXPECT_EQ(open_dataset(spec + "?split=val")->class_names(), (Names{"goldfish, Carassius auratus", "toad", "n09"}));
  expect_fault(spec + "?split=train", "has no sub-folder train");
  std::filesystem::remove_all(folder / "val/images");
  expect_fault(spec + "?split=val", "no sub-folder val/images");
}

TEST(Layout, ImageNet) {
  const TemporaryDirectory folder;
  const std::string spec = "folder:" + folder.path();
  for (const char* id : {"n3", "n1", "n2"}) folder.write(fmt::format("train/{0}/{0}_1.JPEG", id), image(1));
  for (const char* id : {"n3", "n2"}) folder.write(fmt::format("val/{}/ILSVRC2012_val_1.JPEG", id), image(2));
  folder.write("LOC_synset_mapping.txt", "n1 tench, Tinca tinca\nn2 crane\nn3 crane\n");
  const auto train = open_dataset(spec + "?split=train"), val = open_dataset(spec + "?split=val");
  EXPECT_EQ(train->class_names(), (Names{"tench, Tinca tinca", "crane (n2)", "crane (n3)"}));
  EXPECT_EQ(names_of(*val), (Names{"val/n2/ILSVRC2012_val_1.JPEG 1", "val/n3/ILSVRC2012_val_1.JPEG 2"}));  // train's labels
  EXPECT_EQ(val->class_names(), train->class_names());
  EXPECT_EQ(open_dataset("folder:" + folder.path() + "/train")->class_names(), (Names{"n1", "n2", "n3"}));
  folder.write("class_names.txt", "n1\ta b\n\nn2\n");
  EXPECT_EQ(open_dataset(spec + "?split=train")->class_names(), (Names{"a b", "n2", "n3"}));
  folder.write("val/n9/x.JPEG", image(3));
  expect_fault(spec + "?split=val", "val/n9 is not a class");
  std::filesystem::remove(folder / "val/n9/x.JPEG");
  std::filesystem::remove(folder / "val/n9");
  std::filesystem::create_directory(folder / "val/n1");
  expect_fault(spec + "?split=val", "/val/n1 has no PNG or JPEG files");
  std::filesystem::remove_all(folder / "val");
  folder.write("val/flat.JPEG", image(4));
  EXPECT_EQ(open_dataset(spec + "?split=val")->classes(), 0);
}

class List : public testing::Test {
 protected:
  void SetUp() override {
    int no = 0;
    for (const char* name : {"a.png", "b.PNG", "sub/two words.jpg", "c,d.png", "plain"})
      folder_.write(name, image(static_cast<uint64_t>(no++)));
  }
  std::string spec(const std::string& text) const { return "list:" + folder_.write("list.txt", text); }
  TemporaryDirectory folder_;
};

TEST_F(List, LinesOfEveryForm) {
  const auto dataset =
      open_dataset(spec("\xef\xbb\xbf# a comment\n\na.png 3\r\n  b.PNG,0  \n\tsub/two words.jpg  1\nc,d.png, 2\nsub/two words.jpg\nplain "
                        "-1\nplain\na.png\t1\n./a.png"));
  EXPECT_EQ(names_of(*dataset), (Names{"a.png 3", "b.PNG 0", "sub/two words.jpg 1", "c,d.png 2", "sub/two words.jpg -1", "plain -1",
                                       "plain -1", "a.png 1", "./a.png -1"}));
  EXPECT_EQ(dataset->class_names(), (Names{"0", "1", "2", "3"}));
  std::vector<uint8_t> pixels(192);
  const auto small = open_dataset(dataset->spec(), {8});
  small->read(2, pixels.data());
  EXPECT_EQ(pixels, files::random_bytes(192, 2));
}

TEST_F(List, NamesRootAndLimit) {
  const auto named = open_dataset(spec("a.png dog\nb.PNG cat\nplain -1\nc,d.png,dog\nsub/two words.jpg ant"));
  EXPECT_EQ(named->class_names(), (Names{"ant", "cat", "dog"}));
  EXPECT_EQ(names_of(*named), (Names{"a.png 2", "b.PNG 1", "plain -1", "c,d.png 2", "sub/two words.jpg 0"}));
  EXPECT_EQ(names_of(*open_dataset(named->spec() + "?limit=2")), (Names{"a.png 2", "b.PNG 1"}));
  EXPECT_EQ(open_dataset(named->spec() + "?limit=2")->classes(), 3);
  std::set<std::string> kept;
  for (int seed = 0; seed < 20; ++seed) {
    const auto chosen = open_dataset(fmt::format("{}?limit=4&seed={}", named->spec(), seed));  // ant, cat, dog, unlabeled
    std::set<int64_t> labels;
    for (int64_t i = 0; i < 4; ++i) labels.insert(chosen->label(i));
    EXPECT_EQ(labels, (std::set<int64_t>{-1, 0, 1, 2}));
    for (const std::string& name : names_of(*chosen)) kept.insert(name);
  }
  EXPECT_EQ(kept.size(), 5u);
  const TemporaryDirectory elsewhere;
  const std::string list = "list:" + elsewhere.write("x.txt", "a.png 0\n" + folder_.path() + "/b.PNG 1\n");
  EXPECT_EQ(open_dataset(list + "?root=" + folder_.path())->size(), 2);
  expect_fault(list, "x.txt:1: no file " + elsewhere.path() + "/a.png; paths are relative to");
  expect_fault(list + "?root=" + folder_.path() + "/none", "no such folder");
  const auto unlabeled = open_dataset(spec("a.png -1\nb.PNG -1"));  // as OpenOOD lists its OOD sets
  EXPECT_EQ(unlabeled->classes(), 0);
}

TEST_F(List, Faults) {
  expect_fault("list:" + folder_.path() + "/none.txt", "no file");
  expect_fault("list:" + folder_.path(), "no file");
  expect_fault(spec(""), "names no images");
  expect_fault(spec("# only\n\n  \n"), "names no images");
  expect_fault(spec("a.png 0\nnone.png 1"), "list.txt:2: no file");
  expect_fault(spec("a.png 0\n\nsub 1"), "list.txt:3: no file");
  expect_fault(spec("a.png 0\nb.PNG dog"), "list.txt:2: label 'dog', but line 1 has a number");
  expect_fault(spec("a.png dog\nb.PNG -1\nb.PNG 7"), "list.txt:3: label '7', but line 1 has a name");
  expect_fault(spec("a.png -2"), "list.txt:1: label -2");
  expect_fault(spec("a.png 100000"), "label 100000, expected -1 (unlabeled) to 99999");
  expect_fault(spec("\n, 3"), "list.txt:2: ', 3' has no path");
  expect_fault(spec("a.png 0\n" + std::string(9000, 'x') + " 1"), "list.txt:2: a line of 9002 bytes");
  expect_fault(spec(std::string("a.p\0ng 0", 8)), "list.txt:1: a zero byte");
  expect_fault(spec("list.txt 0"), "list.txt:1: the first bytes of " + folder_.path() + "/list.txt are neither PNG nor JPEG");
  expect_fault(spec("a.png 0\n/dev/zero 0"), "list.txt:2: no file /dev/zero");
  folder_.write("broken.png", "text");
  expect_fault(spec("a.png 0\nbroken.png 0"), "list.txt:2: ");
  expect_fault(spec("a.png 0") + "?split=train", "unknown option 'split'; known: root, limit, seed, cache");
}

TEST(Framing, ElongatedImagesAreRefused) {
  const TemporaryDirectory folder;
  folder.write("tall.png", files::rgb_png(200'000, 1, Bytes(600'000, 9)));
  folder.write("wide.png", files::rgb_png(1, 60'000, Bytes(180'000, 9)));
  std::vector<uint8_t> pixels(600 * 600 * 3);
  const auto squashed = open_dataset("folder:" + folder.path(), {600});
  expect_error([&] { squashed->read(0, pixels.data()); }, "tall.png: the image has 200000 x 1 pixels (height x width), too elongated");
  squashed->read(1, pixels.data());  // shrinks at once
  EXPECT_EQ(pixels[600 * 600 * 3 - 1], 9);
  const auto cut = open_dataset("folder:" + folder.path(), {.size = 600, .crop = nn::Crop::center});
  expect_error([&] { cut->read(0, pixels.data()); }, "to resize it to 120000000 x 600; crop the image");
  expect_error([&] { cut->read(1, pixels.data()); }, "to resize it to 600 x 36000000");
  const auto small = open_dataset("folder:" + folder.path(), {.size = 5, .crop = nn::Crop::center});
  small->read(0, pixels.data());
  EXPECT_EQ(pixels[74], 9);
}

}  // namespace
