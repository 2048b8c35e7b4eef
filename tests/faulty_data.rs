//! Damaged datasets: each fault is told with its file, and `on_error` decides what becomes of it.

use crate::support::Project;

const PIPELINE: &str = "stages: {read: {uses: parse-voc, with: {roots: voc, set: all}}}";

/// A VOC folder with one sound image, drawn, and a pipeline that reads it.
fn project() -> Project {
    let project = Project::new();
    project.done("data shapes voc --train 2 --test 1");
    project.file("voc.yaml", PIPELINE);
    project.file("skip.yaml", PIPELINE.replace("set: all", "set: all, on_error: skip"));
    project
}

/// The first annotation file and its text.
fn annotation(project: &Project) -> (String, String) {
    let mut names: Vec<String> = fs_err::read_dir(project.path("voc/Annotations"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let name = format!("voc/Annotations/{}", names[0]);
    let text = fs_err::read_to_string(project.path(&name)).unwrap();
    (name, text)
}

/// Replaces what stands in the first element of this name.
fn with(text: &str, element: &str, value: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let start = text.find(&open).unwrap() + open.len();
    let end = start + text[start..].find(&close).unwrap();
    format!("{}{value}{}", &text[..start], &text[end..])
}

#[test]
fn every_fault_is_told_with_its_file() {
    let cases: [(&str, &str, &str); 5] = [
        ("xmax", "99999", "outside"),
        ("xmin", "99998", "xm"),
        ("filename", "../../../etc/passwd", ".."),
        ("filename", "gone.jpg", "gone.jpg"),
        ("width", "3", "the annotation says 3x"),
    ];
    for (element, value, part) in cases {
        let project = project();
        let (name, text) = annotation(&project);
        project.file(&name, with(&text, element, value));
        let answer = project.run("run voc.yaml");
        let file = name.rsplit('/').next().unwrap().trim_end_matches(".xml");
        assert_eq!(answer.code, 1, "{element}={value}\n{}", answer.stderr);
        let named = answer.stderr.contains(file) || answer.stderr.contains("gone.jpg");
        assert!(named, "{element}={value}\n{}", answer.stderr);
        assert!(answer.stderr.contains(part), "{element}={value}\n{}", answer.stderr);
        assert!(answer.stderr.contains("on_error: skip"), "{}", answer.stderr);
    }
}

#[test]
fn a_class_that_is_not_in_the_list_is_told() {
    let project = project();
    project.file(
        "voc.yaml",
        PIPELINE.replace("set: all", "set: all, classes: [circle, zebra]"),
    );
    let answer = project.run("run voc.yaml");
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.contains("not in the list"), "{}", answer.stderr);
}

#[test]
fn a_truncated_jpeg_is_told_or_skipped_and_counted() {
    let project = project();
    let (name, _) = annotation(&project);
    let image = name.replace("Annotations", "JPEGImages").replace(".xml", ".jpg");
    let bytes = fs_err::read(project.path(&image)).unwrap();
    project.file(&image, &bytes[..bytes.len() / 2]);
    let answer = project.run("run voc.yaml");
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.contains("truncated"), "{}", answer.stderr);
    let told = project.done("run skip.yaml").stderr;
    assert!(told.contains("skipped 1 images"), "{told}");
}

#[test]
fn an_annotation_that_is_no_xml_is_told_with_its_line() {
    let project = project();
    let (name, text) = annotation(&project);
    project.file(&name, text.replace("</object>", "</obj>"));
    let answer = project.run("run voc.yaml");
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.contains(".xml:"), "{}", answer.stderr);
}
